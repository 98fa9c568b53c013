"""An object that the server wrote → what a reader finds in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from struct import pack

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from intermodal.platform.monitoring import predictions
from intermodal.platform.protocol.package import Package
from intermodal.platform.protocol.signature import Column, Output, Signature
from intermodal.serving.answered import Answered
from intermodal.serving.metrics import Counts
from intermodal.serving.prediction_log.batch import Batch, Layout
from intermodal.serving.settings import Identity, Settings

COLUMNS = (Column("a", "FP64"), Column("hidden", "FP64"), Column("t", "BYTES"), Column("secret", "BYTES"))
SIGNATURE = Signature((*COLUMNS, Column("b", "FP64")), Output("y", width=2, labels=("l", "r")))
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
    said: Sequence[float]


@dataclass(frozen=True)
class Asked:
    at: float
    id: str
    label: str | None
    rows: list[Row]

    @property
    def answered(self) -> Answered:
        nan = [float("nan")] * len(self.rows)
        columns = [[row.a for row in self.rows], [-12345.0] * len(nan), nan, nan, [row.b for row in self.rows]]
        numbers = b"".join(pack(f"{len(nan)}d", *column) for column in columns)
        values = [value for row in self.rows for value in row.said]
        texts = ([row.text for row in self.rows], ["secret"] * len(nan))
        return Answered(b"", self.label, len(nan), numbers, values, texts)


ROWS = st.builds(Row, FLOATS, FLOATS, TEXTS, st.lists(FLOATS, min_size=2, max_size=2))
ASKED = st.builds(
    Asked, st.floats(0, 3599), st.text(max_size=40), st.one_of(st.none(), TEXTS), st.lists(ROWS, max_size=3)
)
ONE = Asked(1.0, "x", None, [Row(1.0, 2.0, "ключ", [0.5, 0.25])])


@example([])
@example([ONE, ONE])
@given(st.lists(ASKED, max_size=6))
def test_an_object_is_its_requests(asked: list[Asked]) -> None:
    batch = Batch("key", 0, layout_of(PACKAGE))
    for one in asked:
        assert batch.add(one.at, one.id, one.answered) == batch.size
    assert batch.requests == len(asked)
    data = batch.end()
    assert batch.size == 0
    header, table = predictions.read(data, "key")
    assert [column.name for column in header.columns] == ["a", "b", "t"]
    ids = [one.id or f"key#{place}" for place, one in enumerate(asked)]
    rows = [(id_, one, row) for id_, one in zip(ids, asked, strict=True) for row in one.rows]
    assert table[predictions.ID].tolist() == [id_ for id_, _, _ in rows]
    assert table[predictions.LABEL_ID].tolist() == [one.label or id_ for id_, one, _ in rows]
    assert table[predictions.AT].tolist() == [one.at for _, one, _ in rows]
    assert table["a"].tolist() == [row.a for _, _, row in rows]
    assert table["b"].tolist() == [row.b for _, _, row in rows]
    assert [None if text != text else text for text in table["t"]] == [row.text for _, _, row in rows]
    for k in range(2):
        assert table[f"prediction_{k}"].tolist() == [row.said[k] for _, _, row in rows]
    assert not {"hidden", "secret"} & set(table)


def test_what_cannot_be_text_spoils_no_other_request() -> None:
    batch = Batch("key", 0, layout_of(PACKAGE))
    batch.add(ONE.at, "before", ONE.answered)
    with pytest.raises(UnicodeEncodeError):
        batch.add(ONE.at, "\ud800", ONE.answered)
    batch.add(ONE.at, "after", ONE.answered)
    _, table = predictions.read(batch.end(), "key")
    assert table[predictions.ID].tolist() == ["before", "after"]
    assert batch.requests == 2
