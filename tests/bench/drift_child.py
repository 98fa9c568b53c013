"""One measurement of drift in a process of its own: ``python -m tests.bench.drift_child WHAT FOLDER BYTES``.

Prints a ``Cost`` as JSON; more memory than ``BYTES`` is a MemoryError.
"""

import json
import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

NUMBERS, TEXTS = 15, 5
BATCH = 100_000
T = TypeVar("T")


@dataclass(frozen=True)
class Cost:
    """``seconds`` and peak megabytes of the measurement; ``frames`` are the megabytes of the tables it was given;
    ``drifted`` are the inputs that it says have drifted."""

    seconds: float
    growth: float
    frames: float
    drifted: Sequence[str] = ()

    @property
    def memory(self) -> float:
        return self.growth + self.frames


def _memory(field: str) -> float:
    """Megabytes: VmRSS now, or VmHWM, the peak."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def _timed(work: Callable[[], T], frames: float, drifted: Callable[[T], Sequence[str]]) -> Cost:
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before, started = _memory("VmRSS"), time.perf_counter()
    found = work()
    return Cost(time.perf_counter() - started, _memory("VmHWM") - before, frames, drifted(found))


def _inputs(verdict: Any) -> Sequence[str]:
    return [name for name in verdict.columns if not name.startswith("prediction_")]


def _reported(result: Any) -> Sequence[str]:
    """The columns whose score reaches the threshold of the method that Evidently chose: a distance, at these sizes."""
    (total, *columns) = result["metrics"]
    found = [column["config"]["column"] for column in columns if column["value"] >= column["config"]["threshold"]]
    if len(found) != total["value"]["count"]:
        raise SystemExit(f"Evidently counts {total['value']['count']} drifted columns, these are {found}")
    return found


def _profile(folder: Path) -> Cost:
    from intermodal.platform.training.dataframes import columns_of
    from intermodal.platform.training.profile import profile_of

    table = pd.read_parquet(folder / "reference.parquet")
    profile = profile_of(table, columns_of(table), _predictions(len(table)))
    (folder / "profile.json").write_text(json.dumps(profile))
    return Cost(0, 0, 0)


def _ours(folder: Path) -> Cost:
    from intermodal.platform.monitoring.drift import judge, measure
    from intermodal.platform.spec import DriftPolicy

    profile, columns = _reference(folder)
    table, frames = _loaded(folder, "current")
    predictions = _predictions(len(table))
    return _timed(lambda: judge(measure(profile, table, predictions, columns), DriftPolicy()), frames, _inputs)


def _streamed(folder: Path) -> Cost:
    from functools import reduce
    from operator import add

    from intermodal.platform.monitoring.counts import count
    from intermodal.platform.monitoring.drift import DriftVerdict, compare, judge
    from intermodal.platform.spec import DriftPolicy

    profile, columns = _reference(folder)

    def work() -> DriftVerdict:
        file = pq.ParquetFile(folder / "current.parquet", pre_buffer=False)  # else it keeps the whole file
        tables = (batch.to_pandas() for batch in file.iter_batches(BATCH))
        counted = (count(profile, table, _predictions(len(table)), columns) for table in tables)
        return judge(compare(profile, reduce(add, counted)), DriftPolicy())

    return _timed(work, 0, _inputs)


def _evidently(folder: Path) -> Cost:
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    (current, current_bytes), (reference, reference_bytes) = _loaded(folder, "current"), _loaded(folder, "reference")
    definition = DataDefinition(
        numerical_columns=[f"n{k}" for k in range(NUMBERS)], categorical_columns=[f"t{k}" for k in range(TEXTS)]
    )

    def work() -> Any:
        tables = [Dataset.from_pandas(table, data_definition=definition) for table in (current, reference)]
        return Report([DataDriftPreset()]).run(*tables).dict()

    return _timed(work, current_bytes + reference_bytes, _reported)


def _reference(folder: Path) -> tuple[Any, Any]:
    from intermodal.platform.protocol.signature import Column
    from intermodal.platform.training.profile import Profile

    profile = Profile.from_json((folder / "profile.json").read_bytes())
    inputs = [column for column in profile.columns if not column.name.startswith("prediction_")]
    return profile, [Column(column.name, "BYTES" if column.is_text else "FP64") for column in inputs]


def _loaded(folder: Path, name: str) -> tuple[pd.DataFrame, float]:
    table = pd.read_parquet(folder / f"{name}.parquet")
    return table, float(table.memory_usage().sum() / 2**20)


def _predictions(rows: int) -> np.ndarray:
    return np.random.default_rng(rows).beta(2, 5, rows)


CHILDREN = {"profile": _profile, "ours": _ours, "streamed": _streamed, "evidently": _evidently}


def _child(what: str, folder: str, limit: str) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (int(limit), int(limit)))
    print(json.dumps(vars(CHILDREN[what](Path(folder)))))  # noqa: T201


if __name__ == "__main__":
    _child(*sys.argv[1:])
