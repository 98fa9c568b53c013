"""Join the tables of several requests into one, and split the predictions again."""

from collections.abc import Callable, Sequence
from itertools import chain
from struct import pack
from time import monotonic
from typing import Any

from intermodal.serving.protocol.table import FLOAT64_BYTES, Table

MAX_JOINED_ROWS = 256
"""The most rows of a joined call. On an idle machine a pipeline with boosted trees took 4.9 ms for one row, 5.0 for
64, 5.6 for 256 and 8.3 for 1,024, and one of TF-IDF 1.5, 1.9, 3.4 and 8.7 ms (ADR 36). So a request that is joined
waits little longer than it would alone."""

BLOCKS = (1, 16)
"""A call may have a multiple of so many rows. OpenBLAS calculates four rows at a time, and rows that are left over in
another way, which gives another last bit. In full blocks, each row is calculated in the same way whatever the count."""

CHECKED_ROWS = (2, 5, 17, 64, MAX_JOINED_ROWS - 1)
MAX_SINGLE_ROWS = 8
MAX_CHECK_SECONDS = 20.0
"""A model that takes longer for the check is not joined, so that the check does not delay the start."""

Predict = Callable[[Table], list[float]]


def join(tables: Sequence[Table]) -> Table:
    """One table with the rows of all, in their order. It has no ``unseen``, which no runtime reads."""
    columns = [_joined(parts) for parts in zip(*(table.columns for table in tables), strict=True)]
    numbers = []
    for column in range(len(columns)):
        for table in tables:
            size = FLOAT64_BYTES * table.rows
            numbers.append(table.numbers[column * size : (column + 1) * size])
    return Table(columns, sum(table.rows for table in tables), b"".join(numbers), {})


def _joined(parts: Sequence[Any]) -> Any:
    if isinstance(parts[0], list):
        return list(chain.from_iterable(parts))
    import numpy as np  # there are arrays, so it has been imported

    return np.concatenate(parts)


def split(values: list[float], tables: Sequence[Table], width: int) -> list[list[float]]:
    """The outputs of each table. ValueError when the model did not give ``width`` outputs for each row."""
    parts, end = [], 0
    for table in tables:
        start, end = end, end + table.rows * width
        parts.append(values[start:end])
    if end != len(values):
        raise ValueError(f"expected {end} outputs, got {len(values)}")
    return parts


def predict_in_blocks(predict: Predict, table: Table, block: int) -> list[float]:
    """Predict rows, the last of which is repeated until the count is a multiple of ``block``."""
    missing = -table.rows % block
    if not missing:
        return predict(table)
    last = Table([column[-1:] for column in table.columns], 1, _last_numbers(table), {})
    values = predict(join([table, *[last] * missing]))
    return values[: len(values) * table.rows // (table.rows + missing)]


def _last_numbers(table: Table) -> bytes:
    size = FLOAT64_BYTES * table.rows
    ends = range(size, len(table.numbers) + 1, size)
    return b"".join([table.numbers[end - FLOAT64_BYTES : end] for end in ends])


def block_of(predict: Predict, rows: Sequence[Table], width: int) -> int:
    """The smallest of BLOCKS in which the model gives exactly the same outputs for these rows together, in several
    counts, as for each alone. 0 when there is none.

    A transformer that looks at all rows of a call (such as one that fills gaps with their mean) has none. ``rows`` are
    tables of one row.
    """
    deadline = monotonic() + MAX_CHECK_SECONDS
    blocks = (block for block in BLOCKS if rows and _is_exact(predict, rows[:MAX_SINGLE_ROWS], width, block, deadline))
    return next(blocks, 0)


def _is_exact(predict: Predict, rows: Sequence[Table], width: int, block: int, deadline: float) -> bool:
    orders = [[i] for i in range(len(rows))] + [[(n + i) % len(rows) for i in range(n)] for n in CHECKED_ROWS]
    alone: list[bytes] = []
    try:
        for order in orders:
            tables = [rows[i] for i in order]
            parts = split(predict_in_blocks(predict, join(tables), block), tables, width)
            if len(alone) < len(rows):
                alone += map(_bits, parts)
            elif list(map(_bits, parts)) != [alone[i] for i in order]:
                return False
            if monotonic() > deadline:
                return False
    except Exception:  # noqa: BLE001 whatever it is, the rows are not predicted together
        return False
    return True


def _bits(values: Sequence[float]) -> bytes:
    return pack(f"{len(values)}d", *values)
