"""Drift: Intermodal's decision beside Evidently's default drift preset, on the same tables, each in a fresh process."""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from tests.bench.report import Section

SIZES = (100_000, 1_000_000, 10_000_000)
NUMBERS, TEXTS = 15, 5
BATCH = 100_000
TIMEOUT = 300
"""Seconds that one measurement may take."""
MEMORY_SHARE = 0.6
"""One process may take so much of the memory that is free, so that a big table harms nobody else."""
ENVIRON = {"DO_NOT_TRACK": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Cost:
    """``seconds`` and peak megabytes of the measurement; ``frames`` are the megabytes of the tables it was given."""

    seconds: float
    growth: float
    frames: float

    @property
    def memory(self) -> float:
        return self.growth + self.frames


def measure(_: object = None, sizes: tuple[int, ...] = SIZES) -> Section:
    rows = [row for size in sizes for row in _size(size)]
    text = (
        f"{NUMBERS} numbers and {TEXTS} texts of 30 values a row, 2 % missing, three columns drifted. Both sides read "
        "the same Parquet files into pandas DataFrames before the clock starts. Timed are ours: `judge(measure(...))`, "
        "which takes the predictions too, against a profile that was made from as many rows when the version was "
        "trained (not timed: that is done once a version); and Evidently's default, `Report([DataDriftPreset()])`, its "
        "`run(current, reference)` and `dict()`, no HTML. *streamed*: ours from Parquet in batches, reading included. "
        "*growth*: the peak of the process's memory over what it held when the clock started; *tables*: what it was "
        "given before. *ours takes*: wall time, and growth and tables together. Goals at 1,000,000 rows: 1/50 of the "
        "time, 1/4 of the memory."
    )
    return Section("Drift", text, ["rows", "what", "seconds", "growth, MB", "tables, MB", "ours takes"], rows)


def _size(size: int) -> list[list[object]]:
    with tempfile.TemporaryDirectory(prefix="intermodal-drift-") as folder:
        for name, seed in (("reference", 1), ("current", 2)):
            _write(Path(folder) / f"{name}.parquet", size, seed)
        _run("profile", folder)
        ours, streamed, theirs = (_run(what, folder) for what in ("ours", "streamed", "evidently"))
    compared = ""
    if isinstance(ours, Cost) and isinstance(theirs, Cost):
        compared = (
            f"1/{theirs.seconds / ours.seconds:.0f} of the time, 1/{theirs.memory / ours.memory:.0f} of the memory"
        )
    named = {"ours": ours, "ours, streamed": streamed, "Evidently": theirs}
    return [[f"{size:,}", what, *_cells(cost), compared if what == "ours" else ""] for what, cost in named.items()]


def _cells(cost: Cost | str) -> list[object]:
    if isinstance(cost, str):
        return [cost, "", ""]
    return [f"{cost.seconds:.2f}", f"{cost.growth:.0f}", f"{cost.frames:.0f}"]


def _write(path: Path, size: int, seed: int) -> None:
    """Row groups of BATCH rows; two numbers and one text of the current table have drifted."""
    writer: pq.ParquetWriter | None = None
    for start in range(0, size, BATCH):
        table = pa.Table.from_pandas(_batch(min(BATCH, size - start), seed * 1_000_003 + start, seed == 2))
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    assert writer is not None
    writer.close()


def _batch(rows: int, seed: int, drifted: bool) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    data: dict[str, Any] = {f"n{k}": random.normal(drifted and k < 2, 1, rows) for k in range(NUMBERS)}
    for values in data.values():
        values[random.random(rows) < 0.02] = np.nan
    names = np.array([f"value-{k:02d}" for k in range(30)], dtype=object)
    for k in range(TEXTS):
        picked = random.integers(0, 15 if drifted and k == 0 else 30, rows)
        data[f"t{k}"] = names[picked]
    return pd.DataFrame(data)


def _run(what: str, folder: str) -> Cost | str:
    """One measurement in a fresh process; what went wrong when it did not end."""
    limit = int(psutil.virtual_memory().available * MEMORY_SHARE)
    command = [sys.executable, "-W", "ignore", "-m", "tests.bench.drift", what, folder, str(limit)]
    try:
        done = subprocess.run(
            command, env={**os.environ, **ENVIRON}, capture_output=True, text=True, timeout=TIMEOUT, check=True
        )
    except subprocess.TimeoutExpired:
        return f"would not end in {TIMEOUT // 60} minutes"
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or [f"ended with {error.returncode}"])[-1]
        if "MemoryError" in last or "Unable to allocate" in last:
            return f"needs more than {limit / 1e9:.0f} GB"
        raise SystemExit(f"{what} failed: {error.stderr}") from error
    return Cost(**json.loads(done.stdout.splitlines()[-1]))


# What follows runs in the fresh process.


def _memory(field: str) -> float:
    """Megabytes: VmRSS now, or VmHWM, the peak."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def _timed(work: Callable[[], object], frames: float) -> Cost:
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before, started = _memory("VmRSS"), time.perf_counter()
    work()
    return Cost(time.perf_counter() - started, _memory("VmHWM") - before, frames)


def _profile(folder: Path) -> Cost:
    from intermodal.platform.profile import profile_of
    from intermodal.platform.tables import columns_of

    table = pd.read_parquet(folder / "reference.parquet")
    found: list[Any] = []
    cost = _timed(lambda: found.append(profile_of(table, columns_of(table), _predictions(len(table)))), 0)
    (folder / "profile.json").write_text(json.dumps(found[0]))
    return cost


def _ours(folder: Path) -> Cost:
    from intermodal.platform.drift import judge, measure
    from intermodal.platform.spec import DriftPolicy

    profile, columns = _reference(folder)
    table, frames = _loaded(folder, "current")
    predictions = _predictions(len(table))
    return _timed(lambda: judge(measure(profile, table, predictions, columns), DriftPolicy()), frames)


def _streamed(folder: Path) -> Cost:
    from functools import reduce
    from operator import add

    from intermodal.platform.counts import count
    from intermodal.platform.drift import compare, judge
    from intermodal.platform.spec import DriftPolicy

    profile, columns = _reference(folder)

    def work() -> None:
        file = pq.ParquetFile(folder / "current.parquet", pre_buffer=False)  # else it keeps the whole file
        tables = (batch.to_pandas() for batch in file.iter_batches(BATCH))
        counted = (count(profile, table, _predictions(len(table)), columns) for table in tables)
        judge(compare(profile, reduce(add, counted)), DriftPolicy())

    return _timed(work, 0)


def _evidently(folder: Path) -> Cost:
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    (current, one), (reference, other) = _loaded(folder, "current"), _loaded(folder, "reference")
    definition = DataDefinition(
        numerical_columns=[f"n{k}" for k in range(NUMBERS)], categorical_columns=[f"t{k}" for k in range(TEXTS)]
    )

    def work() -> None:
        tables = [Dataset.from_pandas(table, data_definition=definition) for table in (current, reference)]
        Report([DataDriftPreset()]).run(*tables).dict()

    return _timed(work, one + other)


def _reference(folder: Path) -> tuple[Any, Any]:
    from intermodal.platform.profile import Profile
    from intermodal.platform.signature import Column

    profile = Profile.from_json((folder / "profile.json").read_bytes())
    inputs = [one for one in profile.columns if not one.name.startswith("prediction_")]
    return profile, [Column(one.name, "BYTES" if one.is_text else "FP64") for one in inputs]


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
    if sys.argv[1] in CHILDREN:
        _child(*sys.argv[1:])
    else:
        print(measure(None, tuple(map(int, sys.argv[1:]))).markdown())  # noqa: T201
