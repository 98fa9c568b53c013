"""Whether the packaged server answers for a candidate: golden rows, and every kind of value that its partitions had."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from intermodal.platform.errors import IntermodalError, Unavailable
from intermodal.platform.ports.package_server import Answer, PackageServer
from intermodal.platform.ports.registry import Servable
from intermodal.platform.protocol import v2
from intermodal.platform.protocol.package import Golden, Package
from intermodal.platform.protocol.parity import worst
from intermodal.platform.protocol.signature import FLOATS, Column
from intermodal.platform.training.dataframes import records
from intermodal.platform.training.fit import Fitted

BATCH_ROWS, BATCH_BYTES = 200, 200_000
"""The most rows and about the most bytes of one request: far below every target's limit of a body."""
MAX_REASONS = 5
"""Then the trial ends: a server that hangs would keep the training a minute for each row."""
MAX_VALUE_LENGTH = 40


@dataclass(frozen=True)
class Probe:
    """One row to send, and the columns and kinds of values that it was chosen for."""

    row: int
    why: str


def probes_of(table: pd.DataFrame, columns: Sequence[Column], sensitive: Sequence[str] = ()) -> list[Probe]:
    """The first row of each kind of value of each column: missing, smallest, largest, whole, fraction, each category
    that training did not see, the longest and the shortest text. Values of sensitive columns are not named."""
    chosen: dict[int, list[str]] = {}
    for column in columns:
        values, kinds = table[column.name].reset_index(drop=True), dict[int, list[str]]()
        for row, kind in _kinds(values, column):
            kinds.setdefault(row, []).append(kind)
        for row, names in kinds.items():
            hidden = column.name in sensitive or column.is_tensor or MISSING in names
            value = "" if hidden else f": {_short(values[row])}"
            chosen.setdefault(row, []).append(f"column '{column.name}' ({', '.join(names)}{value})")
    return [Probe(row, "A row with " + ", ".join(why)) for row, why in sorted(chosen.items())]


def _short(value: Any) -> str:
    text = (
        str(value)
        if isinstance(value, pd.Timestamp)
        else repr(value.item() if isinstance(value, np.generic) else value)
    )
    return text if len(text) <= MAX_VALUE_LENGTH else f"{text[:MAX_VALUE_LENGTH]}..."


MISSING = "missing"


def _kinds(values: pd.Series, column: Column) -> Iterator[tuple[int, str]]:
    if column.is_tensor:
        yield 0, "tensor"
        return
    missing = values.isna()
    if missing.any():
        yield int(missing.idxmax()), MISSING
    known = values[~missing]
    if known.empty:
        return
    if column.is_timestamp:
        moments = pd.to_datetime(known, utc=True)  # those of an object column may have different zones
        yield int(moments.idxmin()), "earliest"
        yield int(moments.idxmax()), "latest"
        return
    if column.datatype == "BYTES":
        texts = known.astype(str)
        lengths = texts.str.len()
        yield int(lengths.idxmin()), "shortest text"
        yield int(lengths.idxmax()), "longest text"
        if column.categories:
            unseen = texts[~texts.isin(column.categories)].drop_duplicates()
            yield from ((int(row), "unseen category") for row in unseen.index[:BATCH_ROWS])
        return
    numbers = known.astype(float)
    yield int(numbers.idxmin()), "smallest"
    yield int(numbers.idxmax()), "largest"
    whole = numbers == np.floor(numbers)
    for kind, of_kind in (("whole number", whole), ("fraction", ~whole)):
        if column.datatype in FLOATS and of_kind.any():
            yield int(of_kind.idxmax()), kind


def try_server(
    server: PackageServer, fitted: Fitted, given: pd.DataFrame, folder: Path, sensitive: Sequence[str] = ()
) -> Servable:
    """Start the server on the package and compare its answers with the fitted model's own. ``given`` has the rows of
    the window and of the held-out partition, which the model has predicted before. Every failure of the server is a
    reason of the verdict, never an exception."""
    package = Package.read(folder)
    table = given[[column.name for column in fitted.signature.inputs]].reset_index(drop=True)
    probes = probes_of(table, fitted.signature.inputs, sensitive)
    rows = table.iloc[[probe.row for probe in probes]].reset_index(drop=True)
    expected = fitted.predict(rows).reshape(len(rows), -1).tolist()
    golden, sent = Golden.read(folder), records(rows)
    try:
        with server.start(folder, package.model) as answer:
            differences = chain(
                _differences(answer, fitted, golden.rows, golden.predictions, ["A golden row"] * len(golden.rows)),
                _differences(answer, fitted, sent, expected, [probe.why for probe in probes]),
            )
            reasons = list(islice(differences, MAX_REASONS))
    except IntermodalError as error:
        reasons = [_without(sensitive, f"The packaged server does not start on it. {error}")]
    else:
        reasons = [_without(sensitive, reason) for reason in reasons]
    return Servable(len(probes), tuple(reasons))


def _differences(
    answer: Answer,
    fitted: Fitted,
    rows: Sequence[Mapping[str, Any]],
    expected: Sequence[Sequence[float]],
    why: Sequence[str],
) -> Iterator[str]:
    """A sentence for each row that the server refuses or predicts differently. A batch that fails is sent row by row,
    so that the sentence names the row's columns and values."""
    for part in _batches(rows):
        if (reason := _difference(answer, fitted, rows[part], expected[part])) is None:
            continue
        together = True
        for i in range(part.start, part.stop):
            if found := _difference(answer, fitted, rows[i : i + 1], expected[i : i + 1]):
                together = False
                yield f"{why[i]}: {found}"
        if together:
            yield f"{len(rows[part])} rows together: {reason}"


def _batches(rows: Sequence[Mapping[str, Any]]) -> Iterator[slice]:
    start, size = 0, 0
    for i, row in enumerate(rows):
        length = len(json.dumps(row, default=str))
        if i > start and (i - start >= BATCH_ROWS or size + length > BATCH_BYTES):
            yield slice(start, i)
            start, size = i, 0
        size += length
    if rows:
        yield slice(start, len(rows))


def _difference(
    answer: Answer, fitted: Fitted, rows: Sequence[Mapping[str, Any]], expected: Sequence[Sequence[float]]
) -> str | None:
    if not np.isfinite(np.asarray(expected, dtype=float)).all():
        return "the model predicts no finite number."
    try:
        predicted = v2.predictions(answer(v2.golden_body(fitted.signature, rows)))
    except Unavailable as error:
        return error.message
    except IntermodalError as error:
        return f"the server answers: {error.message}"
    except TypeError as error:
        return f"a value has a type that no request can carry: {error}."
    deviation = worst(expected, predicted)
    return None if deviation.holds else f"the server's prediction differs by {deviation}."


def _without(sensitive: Sequence[str], reason: str) -> str:
    """The reason without the server's own words when the model has sensitive columns: they may quote values."""
    if not sensitive:
        return reason
    head, _, tail = reason.partition("the server answers: ")
    return f"{head}the server refuses it." if tail else reason
