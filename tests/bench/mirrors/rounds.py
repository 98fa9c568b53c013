"""A case with every tool in turns that rotate: first copy, one file changed, nothing changed."""

import tempfile
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.environment import Unfit
from tests.bench.mirrors.cases import Case, describe
from tests.bench.mirrors.stores import Stores, started
from tests.bench.mirrors.tools import Job, Taken

STEPS = ("first", "one changed", "unchanged")


@dataclass
class Found:
    """Of one tool in one case: what each step took in each round, the S3 requests of it, or why there is nothing."""

    taken: dict[str, list[Taken]] = field(default_factory=lambda: defaultdict(list))
    requests: dict[str, int] = field(default_factory=dict)
    unfit: str = ""


def measure(case: Case, tools: Mapping[str, Callable[[Job], Taken]], once: set[str]) -> dict[str, Found]:
    """Every turn has empty stores. ``once``: measured in the first round only; bare puts have nothing but a first."""
    found = {name: Found() for name in tools}
    names = list(tools)
    with tempfile.TemporaryDirectory(prefix="intermodal-mirrors-") as home:
        source = Path(home) / "source"
        case.write(source)
        for number in range(case.rounds):
            for name in names[number % len(names) :] + names[: number % len(names)]:
                if found[name].unfit or (number and name in once):
                    continue
                with tempfile.TemporaryDirectory(dir=home) as folder, started(Path(folder) / "stores") as stores:
                    try:
                        _turn(case, tools[name], Path(folder), source, stores, found[name])
                    except Unfit as error:
                        found[name].unfit = str(error)
    return found


def _turn(case: Case, tool: Callable[[Job], Taken], folder: Path, source: Path, stores: Stores, found: Found) -> None:
    for step in STEPS:
        if step == "one changed":
            if case.files == 1:
                continue  # that would be the first copy again
            case.change(source)
        job = Job(stores, source, folder / "manifest.json", "bench/1.0.0", folder / step.replace(" ", "-"))
        job.folder.mkdir()
        describe(source, job.manifest)
        before = stores.s3_requests()
        found.taken[step].append(tool(job))
        found.requests[step] = stores.s3_requests() - before
