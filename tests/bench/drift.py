"""Drift: Intermodal's decision beside Evidently's default drift preset, on the same tables, each in a fresh process."""

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from tests.bench.drift_child import BATCH, NUMBERS, TEXTS, Cost
from tests.bench.environment import Unfit, environment, variables
from tests.bench.report import Rounds, Section

OURS, STREAMED, THEIRS = "ours", "ours, streamed", "Evidently"
CHILDREN = {OURS: "ours", STREAMED: "streamed", THEIRS: "evidently"}
ROUNDS = {100_000: 3, 1_000_000: 3, 10_000_000: 1}
"""By rows. Evidently takes minutes and is not started again at a size where it failed."""
EVIDENTLY = ("evidently==0.7.23", "pandas==2.3.3", "numpy==2.4.6", "pyarrow==25.0.1")
ROOT = Path(__file__).parents[2]
TIMEOUT = 300
"""Seconds that one measurement may take."""
MEMORY_SHARE = 0.6
"""One process may take so much of the memory that is free, so that a big table harms no other process."""
ENVIRON = {"DO_NOT_TRACK": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def measure(_: object = None, sizes: Sequence[int] = tuple(ROUNDS)) -> Section:
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
        f"Rounds in rotating order: {', '.join(f'{count} of {size:,} rows' for size, count in ROUNDS.items())}. "
        "Goals at 1,000,000 rows: 1/50 of the time, 1/4 of the memory; cost that grows linearly. Reached: "
        f"{_linearity(found)}."
    )
    header = ["rows", "what", "seconds", "growth, MB", "tables, MB", "drifted", "ours takes"]
    versions = dict(requirement.split("==") for requirement in EVIDENTLY)
    return Section("Drift", text, header, rows, versions)


Costs = list[Cost] | str
"""Of every round, or why there is nothing."""


def _seconds(costs: list[Cost]) -> float:
    return statistics.median([cost.seconds for cost in costs])


def _memory(costs: list[Cost]) -> float:
    return statistics.median([cost.memory for cost in costs])


def _linearity(found: Mapping[int, Mapping[str, Costs]]) -> str:
    """What ten times the rows cost, from each size to the next."""
    sentences = []
    for less, more in pairwise(found):
        for what in (OURS, STREAMED):
            smaller, larger = found[less][what], found[more][what]
            if not isinstance(smaller, str) and not isinstance(larger, str):
                sentences.append(
                    f"{what}, {more / less:g} times {less:,} rows took "
                    f"{_seconds(larger) / _seconds(smaller):.1f} times the time and "
                    f"{_memory(larger) - _memory(smaller):+.0f} MB"
                )
    return "; ".join(sentences)


def _size(size: int) -> dict[str, Costs]:
    found: dict[str, Costs] = {what: [] for what in CHILDREN}
    with tempfile.TemporaryDirectory(prefix="intermodal-drift-") as folder:
        for name, seed in (("reference", 1), ("current", 2)):
            _write(Path(folder) / f"{name}.parquet", size, seed)
        _run("profile", folder)
        for number in range(ROUNDS.get(size, 1)):
            names = list(CHILDREN)
            for what in names[number % 3 :] + names[: number % 3]:
                costs = found[what]
                if not isinstance(costs, str):
                    cost = _run(CHILDREN[what], folder)
                    found[what] = cost if isinstance(cost, str) else [*costs, cost]
    return found


def _rows(size: int, found: Mapping[str, Costs]) -> list[list[object]]:
    ours, theirs = found[OURS], found[THEIRS]
    compared = ""
    if not isinstance(ours, str) and not isinstance(theirs, str):
        same = {frozenset(cost.drifted) for cost in [*ours, *theirs]}
        compared = (
            f"1/{_seconds(theirs) / _seconds(ours):.0f} of the time, 1/{_memory(theirs) / _memory(ours):.1f} of the "
            f"memory, {'the same columns' if len(same) == 1 else 'other columns'}"
        )
    return [[f"{size:,}", what, *_cells(costs), compared if what == OURS else ""] for what, costs in found.items()]


def _cells(costs: Costs) -> list[object]:
    if isinstance(costs, str):
        return [costs, "", "", ""]
    growth = Rounds([cost.growth for cost in costs])
    return [
        Rounds([cost.seconds for cost in costs]),
        growth,
        f"{costs[0].frames:.0f}",
        ", ".join(sorted(costs[0].drifted)),
    ]


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
    try:
        python = str(environment("evidently", EVIDENTLY) / "bin" / "python") if what == "evidently" else sys.executable
    except Unfit as error:
        return str(error).replace("|", "/")
    command = [python, "-W", "ignore", "-m", "tests.bench.drift_child", what, folder, str(limit)]
    given = variables({**ENVIRON, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"})
    try:
        done = subprocess.run(command, env=given, capture_output=True, text=True, timeout=TIMEOUT, check=True)
    except subprocess.TimeoutExpired:
        return f"would not end in {TIMEOUT // 60} minutes"
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or [f"ended with {error.returncode}"])[-1]
        if "MemoryError" in last or "Unable to allocate" in last:
            return f"needs more than {limit / 1e9:.0f} GB"
        raise SystemExit(f"{what} failed: {error.stderr}") from error
    return Cost(**json.loads(done.stdout.splitlines()[-1]))


if __name__ == "__main__":
    print(measure(None, tuple(map(int, sys.argv[1:])) or tuple(ROUNDS)).markdown())  # noqa: T201
