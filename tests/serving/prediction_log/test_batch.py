"""An object that the server writes has the same content when it is read."""

from collections.abc import Sequence
from dataclasses import dataclass
from struct import pack

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from intermodal.platform.monitoring import predictions
from intermodal.platform.protocol.package import Package
from intermodal.platform.protocol.signature import Column, Output, Signature
from intermodal.serving.metrics import Counts
from intermodal.serving.prediction import Prediction
from intermodal.serving.prediction_log.batch import Batch, Layout
from intermodal.serving.settings import Identity, Settings

COLUMNS = (Column("a", "FP64"), Column("hidden", "FP64"), Column("t", "BYTES"), Column("secret", "BYTES"))
SIGNATURE = Signature((*COLUMNS, Column("b", "FP64")), (Output("y", shape=(2,), labels=("l", "r")),))
PACKAGE = Package("m", "multiclass", "lightgbm", "model.txt", SIGNATURE, ("hidden", "secret"))
FLOATS = st.floats(allow_nan=False, width=64)
TEXTS = st.one_of(st.none(), st.text(max_size=5))


def layout_of(package: Package) -> Layout:
    return Layout(package, Settings(identity=Identity("1", "aws", "aws/x"), predictions="file:///x"), Counts("m"))


@dataclass(frozen=True)
class Row:
    a: float
    b: float
    text: str | None
    outputs: Sequence[float]


@dataclass(frozen=True)
class Logged:
    timestamp: float
    id: str
    label: str | None
    rows: list[Row]

    @property
    def prediction(self) -> Prediction:
        nan = [float("nan")] * len(self.rows)
        columns = [[row.a for row in self.rows], [-12345.0] * len(nan), nan, nan, [row.b for row in self.rows]]
        numbers = b"".join(pack(f"{len(nan)}d", *column) for column in columns)
        values = [value for row in self.rows for value in row.outputs]
        texts = ([row.text for row in self.rows], ["secret"] * len(nan))
        return Prediction(b"", self.label, len(nan), numbers, values, texts)


ROWS = st.builds(Row, FLOATS, FLOATS, TEXTS, st.lists(FLOATS, min_size=2, max_size=2))
LOGGED = st.builds(
    Logged, st.floats(0, 3599), st.text(max_size=40), st.one_of(st.none(), TEXTS), st.lists(ROWS, max_size=3)
)
EXAMPLE = Logged(1.0, "x", None, [Row(1.0, 2.0, "ключ", [0.5, 0.25])])


@example([])
@example([EXAMPLE, EXAMPLE])
@given(st.lists(LOGGED, max_size=6))
def test_batch_object_decodes_to_its_requests(logged: list[Logged]) -> None:
    batch = Batch("key", 0, layout_of(PACKAGE))
    for entry in logged:
        assert batch.add(entry.timestamp, entry.id, entry.prediction) == batch.size
    assert batch.requests == len(logged)
    data = batch.finish()
    assert batch.size == 0
    header, table = predictions.read(data, "key")
    assert [column.name for column in header.columns] == ["a", "b", "t"]
    ids = [entry.id or f"key#{position}" for position, entry in enumerate(logged)]
    rows = [(id_, entry, row) for id_, entry in zip(ids, logged, strict=True) for row in entry.rows]
    assert table[predictions.ID].tolist() == [id_ for id_, _, _ in rows]
    assert table[predictions.LABEL_ID].tolist() == [entry.label or id_ for id_, entry, _ in rows]
    assert table[predictions.AT].tolist() == [entry.timestamp for _, entry, _ in rows]
    assert table["a"].tolist() == [row.a for _, _, row in rows]
    assert table["b"].tolist() == [row.b for _, _, row in rows]
    assert [None if text != text else text for text in table["t"]] == [row.text for _, _, row in rows]
    for k in range(2):
        assert table[f"prediction_{k}"].tolist() == [row.outputs[k] for _, _, row in rows]
    assert not {"hidden", "secret"} & set(table)


def test_batch_invalid_text_keeps_other_requests() -> None:
    batch = Batch("key", 0, layout_of(PACKAGE))
    batch.add(EXAMPLE.timestamp, "before", EXAMPLE.prediction)
    with pytest.raises(UnicodeEncodeError):
        batch.add(EXAMPLE.timestamp, "\ud800", EXAMPLE.prediction)
    batch.add(EXAMPLE.timestamp, "after", EXAMPLE.prediction)
    _, table = predictions.read(batch.finish(), "key")
    assert table[predictions.ID].tolist() == ["before", "after"]
    assert batch.requests == 2
