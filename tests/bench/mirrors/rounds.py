"""A case with every tool in turns that rotate: first copy, one file changed, nothing changed."""

import tempfile
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.environment import Unfit
from tests.bench.mirrors import tools
from tests.bench.mirrors.cases import Case, describe
from tests.bench.mirrors.stores import Stores, started
from tests.bench.mirrors.tools import Job, Taken

FIRST, CHANGED, SAME, BY_TIME = STEPS = ("first", "one changed", "unchanged", "unchanged, by time")
SHORT = 3
"""So often in each turn is done what copies nothing."""


@dataclass(frozen=True)
class Tool:
    """What does each step, in their order; ``once``: in the first round only."""

    steps: Mapping[str, tools.Tool]
    once: bool = False


@dataclass
class Found:
    """Of one tool in one case: what each step took in each round, the S3 requests of it, or why there is nothing."""

    taken: dict[str, list[Taken]] = field(default_factory=lambda: defaultdict(list))
    requests: dict[str, int] = field(default_factory=dict)
    unfit: str = ""


def measure(case: Case, chosen: Mapping[str, Tool]) -> dict[str, Found]:
    """Every turn has empty stores, and what it left in them is looked at."""
    found = {name: Found() for name in chosen}
    names = list(chosen)
    with tempfile.TemporaryDirectory(prefix="intermodal-mirrors-") as home:
        source = Path(home) / "source"
        case.write(source)
        for number in range(case.rounds):
            for name in names[number % len(names) :] + names[: number % len(names)]:
                if found[name].unfit or (number and chosen[name].once):
                    continue
                with tempfile.TemporaryDirectory(dir=home) as folder, started(Path(folder) / "stores") as stores:
                    try:
                        _turn(case, chosen[name], Path(folder), source, stores, found[name])
                    except Unfit as error:
                        found[name].unfit = str(error)
    return found


def _turn(case: Case, tool: Tool, folder: Path, source: Path, stores: Stores, found: Found) -> None:
    for step, do in tool.steps.items():
        if step == CHANGED:
            if case.files == 1:
                continue  # that would be the first copy again
            case.change(source)
        for number in range(1 if step in (FIRST, CHANGED) else SHORT):
            job = Job(stores, source, folder / "manifest.json", "bench/1.0.0", folder / f"{step}-{number}")
            job.folder.mkdir()
            if not number:
                describe(source, job.manifest)
            before = stores.s3_requests()
            taken = do(job)
            found.requests[step] = stores.s3_requests() - before
            if step in (FIRST, CHANGED) and not taken.failed:
                tools.check(job)
            found.taken[step].append(taken)
            if taken.failed:
                return  # what did not reach every store has nothing to keep up to date, and would cost minutes again
