"""``make bench``: measure a fresh installation, write docs/benchmarks.md. ``make bench PART=serving``: a part."""

import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markdown import Markdown

from tests.bench import drift, gateway, kinds, many, orchestration, peers, proxied, sensor_ticks, serving, ticks, wrk
from tests.bench.installation import Installation, installed
from tests.bench.mirrors.section import section as mirrors
from tests.bench.report import PAGE, Section, load, updated


def up(installation: Installation) -> Section:
    """How long the installation that is measured took to come up."""
    phases = installation.phases
    text = (
        "`make up` on an empty home with everything installed, until flight_delay answers on three clouds. *prepare*: "
        "identities, DAGSTER_HOME, starting programs. *start*: waiting until all answer, side by side. *run*: "
        "`train_and_deploy_flight_delay`, launched and followed, from four months of rows to the route. What each "
        "waits for, longest first and in seconds, as `make up` wrote it down. Goal: 60 s."
    )
    rows = []
    for phase, seconds in phases.seconds.items():
        waits = sorted(phases.waits.get(phase, {}).items(), key=lambda wait: -wait[1])
        rows.append([phase, seconds, "; ".join(f"{name} {taken}" for name, taken in waits if taken >= 0.1)])
    return Section("From nothing to three clouds", text, ["phase", "seconds", "waits for"], rows)


PARTS: dict[str, Callable[[Installation], Section]] = {
    "up": up,
    "overhead": orchestration.overhead,
    "serving": serving.measure,
    "peers": peers.measure,
    "kinds": lambda _: kinds.measure(),
    "many": many.measure,
    "gateway": lambda _: proxied.measure(),
    "clouds": gateway.added,
    "killed": gateway.killed,
    "ticks": lambda _: ticks.section(),
    "sensors": lambda _: sensor_ticks.measure(),
    "orchestration": lambda _: orchestration.measure(),
    "mirrors": lambda _: mirrors(),
    "drift": drift.measure,
}
LIVE = {"up", "clouds", "killed"}
"""Parts that need the installation. It is stopped for the others, which would share the cores with it."""
ALONE = {"gateway", "kinds", "ticks", "sensors", "orchestration", "mirrors"}
"""Parts that do not even need its files."""


def main(chosen: list[str]) -> None:
    if unknown := set(chosen) - set(PARTS):
        raise SystemExit(f"Unknown part {', '.join(sorted(unknown))}; known: {', '.join(PARTS)}")
    console = Console()
    with ExitStack() as stack:
        installation: Any = None
        if set(chosen or PARTS) - ALONE:
            wrk.require()
            console.print("Bringing up an installation of its own ...")
            installation = stack.enter_context(installed())
        for name in sorted(chosen or PARTS, key=lambda name: name not in LIVE):
            if installation and name not in LIVE:
                installation.stop()
            console.print(f"Measuring {name} ...")
            before = load()
            found = PARTS[name](installation)
            console.print(Markdown(found.markdown()))
            # After each part: what comes later may fail.
            PAGE.write_text(updated(PAGE.read_text(encoding="utf-8"), found, before), encoding="utf-8")
    console.print(f"Written to {PAGE.relative_to(Path.cwd())}.")


if __name__ == "__main__":
    main(sys.argv[1:])
