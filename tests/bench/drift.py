"""Drift: Intermodal's decision beside Evidently's default drift preset, on the same tables, each in a fresh process."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from tests.bench.drift_child import BATCH, NUMBERS, TEXTS, Cost
from tests.bench.report import Section

OURS, STREAMED, THEIRS = "ours", "ours, streamed", "Evidently"
SIZES = (100_000, 1_000_000, 10_000_000)
TIMEOUT = 300
"""Seconds that one measurement may take."""
MEMORY_SHARE = 0.6
"""One process may take so much of the memory that is free, so that a big table harms nobody else."""
ENVIRON = {"DO_NOT_TRACK": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def measure(_: object = None, sizes: tuple[int, ...] = SIZES) -> Section:
    found = {size: _size(size) for size in sizes}
    rows = [row for size, named in found.items() for row in _rows(size, named)]
    text = (
        f"{NUMBERS} numbers and {TEXTS} texts of 30 values a row, 2 % missing, three columns drifted. Both sides read "
        "the same Parquet files into pandas DataFrames before the clock starts. Timed are ours: `judge(measure(...))`, "
        "which takes the predictions too, against a profile that was made from as many rows when the version was "
        "trained (not timed: that is done once a version); and Evidently's default, `Report([DataDriftPreset()])`, its "
        "`run(current, reference)` and `dict()`, no HTML. *streamed*: ours from Parquet in batches, reading included. "
        "*growth*: the peak of the process's memory over what it held when the clock started; *tables*: what it was "
        "given before. *drifted*: the inputs that it says have. *ours takes*: wall time, growth and tables together. "
        "Goals at 1,000,000 rows: 1/50 of the time, 1/4 of the memory; cost that grows linearly. Reached: "
        f"{_linearity(found)}."
    )
    header = ["rows", "what", "seconds", "growth, MB", "tables, MB", "drifted", "ours takes"]
    return Section("Drift", text, header, rows)


def _linearity(found: Mapping[int, Mapping[str, Cost | str]]) -> str:
    """What ten times the rows cost, from each size to the next."""
    said = []
    for less, more in pairwise(found):
        for what in (OURS, STREAMED):
            one, other = found[less][what], found[more][what]
            if isinstance(one, Cost) and isinstance(other, Cost):
                said.append(
                    f"{what}, {more / less:g} times {less:,} rows took {other.seconds / one.seconds:.1f} times the "
                    f"time and {other.memory - one.memory:+.0f} MB"
                )
    return "; ".join(said)


def _size(size: int) -> dict[str, Cost | str]:
    with tempfile.TemporaryDirectory(prefix="intermodal-drift-") as folder:
        for name, seed in (("reference", 1), ("current", 2)):
            _write(Path(folder) / f"{name}.parquet", size, seed)
        _run("profile", folder)
        ours, streamed, theirs = (_run(what, folder) for what in ("ours", "streamed", "evidently"))
    return {OURS: ours, STREAMED: streamed, THEIRS: theirs}


def _rows(size: int, found: Mapping[str, Cost | str]) -> list[list[object]]:
    ours, theirs = found[OURS], found[THEIRS]
    compared = ""
    if isinstance(ours, Cost) and isinstance(theirs, Cost):
        compared = (
            f"1/{theirs.seconds / ours.seconds:.0f} of the time, 1/{theirs.memory / ours.memory:.1f} of the memory, "
            f"{'the same columns' if set(ours.drifted) == set(theirs.drifted) else 'other columns'}"
        )
    return [[f"{size:,}", what, *_cells(cost), compared if what == OURS else ""] for what, cost in found.items()]


def _cells(cost: Cost | str) -> list[object]:
    if isinstance(cost, str):
        return [cost, "", "", ""]
    return [f"{cost.seconds:.2f}", f"{cost.growth:.0f}", f"{cost.frames:.0f}", ", ".join(sorted(cost.drifted))]


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
    command = [sys.executable, "-W", "ignore", "-m", "tests.bench.drift_child", what, folder, str(limit)]
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


if __name__ == "__main__":
    print(measure(None, tuple(map(int, sys.argv[1:])) or SIZES).markdown())  # noqa: T201
