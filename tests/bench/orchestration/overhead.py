"""What Dagster costs a run beside the work itself, as ``make up`` wrote it down."""

from intermodal.sandbox.local.run_times import BETWEEN, END, QUEUE, START
from tests.bench.installation import Installation
from tests.bench.report import Section


def overhead(installation: Installation) -> Section:
    waits = installation.phases.waits["run"]
    steps = {name: seconds for name, seconds in waits.items() if "__" in name}
    dagster = {name: waits[name] for name in (QUEUE, START, BETWEEN, END)}
    work, around = sum(steps.values()), sum(dagster.values())
    rows: list[tuple[str, float]] = [
        *dagster.items(),
        ("Dagster in all", around),
        *[(f"work: {name}", seconds) for name, seconds in steps.items()],
        ("work in all", work),
    ]
    text = (
        "One run of `train_and_deploy_flight_delay`, the first of a new installation, by the times of its own events. "
        "*Work* is from each step's start to its success, with the few events that Dagster writes meanwhile; all else "
        f"is Dagster's: {around / (around + work):.0%} of {around + work:.1f} s. The process for the run imports our "
        "code and the vendors' SDKs, which is counted as Dagster's."
    )
    shares = [[name, f"{seconds:.2f}", f"{seconds / (around + work):.0%}"] for name, seconds in rows]
    return Section("A run: Dagster and the work", text, ["what", "seconds", "share"], shares)
