"""The prediction log as tables: nothing lost, nothing twice."""

import gzip
from dataclasses import replace
from struct import pack

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intermodal.platform.errors import SpecError
from intermodal.platform.monitoring import predictions
from intermodal.platform.protocol.prediction_log import Header, hour_of, object_key
from intermodal.platform.protocol.signature import Column
from tests.log_objects import Logged, packed

COLUMNS = (
    Column("x", "FP64"),
    Column("n", "INT64"),
    Column("b", "BOOL"),
    Column("c", "BYTES", categories=("red", "white")),
    Column("t", "BYTES"),
)
HEADER = Header("wine", "1.0.0", "aws", "aws/sagemaker", 1.0, COLUMNS)
TWO = replace(HEADER, width=2)
FULL = {"x": [1.5, None], "n": [2**40, 0], "b": [1, 0], "c": [1, None], "t": ["any", None]}


def test_read_gives_rows_as_logged() -> None:
    request = Logged("a", 1000.5, 2, FULL, [[0.1, 0.9], [0.4, 0.6]], label_id="theirs")
    empty = Logged("none", 1000.6, 0, {name: [] for name in FULL}, [])
    two = Logged("b", 1000.7, 1, {"x": [0.0], "n": [3], "b": [1], "c": [0], "t": [""]}, [[0.0, 1.0]])
    header, table = predictions.read(packed(TWO, request, empty, two), "key")
    assert header == TWO
    assert table[predictions.ID].tolist() == ["a", "a", "b"]
    assert table[predictions.LABEL_ID].tolist() == ["theirs", "theirs", "b"]
    assert table[predictions.ROW].tolist() == [0, 1, 0]
    assert table[predictions.AT].tolist() == [1000.5, 1000.5, 1000.7]
    assert table["prediction_1"].tolist() == [0.9, 0.6, 1.0]
    assert table["x"].fillna(-1).tolist() == [1.5, -1, 0.0]
    assert table["n"].tolist() == [2**40, 0, 3]
    assert table["b"].tolist() == [True, False, True]
    assert table["c"].tolist() == ["white", None, "red"]
    assert table["t"].tolist() == ["any", None, ""]
    assert set(table[predictions.CLOUD]) == {"aws"}


def test_read_gives_unseen_categories_as_sent() -> None:
    two = Column("d", "BYTES", nullable=True, categories=("x",))
    header = replace(HEADER, columns=(COLUMNS[0], COLUMNS[3], two))
    gaps: dict[str, list[float | None]] = {"x": [1.0, 2.0, 3.0], "c": [1, None, 0], "d": [None, None, None]}
    objects = packed(
        header,
        Logged("a", 1.0, 3, gaps, [[0.5]] * 3),
        Logged("none", 1.5, 0, {name: [] for name in gaps}, []),
        Logged("b", 2.0, 3, gaps, [[0.5]] * 3, unseen={"c": {1: "blue"}, "d": {0: "", 2: "y"}}),
    )
    _, table = predictions.read(objects, "key")
    assert table["c"].tolist() == ["white", None, "red", "white", "blue", "red"]
    assert table["d"].tolist() == [None, None, None, "", None, "y"]
    assert table["x"].tolist() == [1.0, 2.0, 3.0] * 2


def test_read_of_integers_with_a_missing_one_gives_floats() -> None:
    header = Header("wine", "1.0.0", "aws", "aws/sagemaker", 1.0, (Column("n", "INT64", nullable=True),))
    _, table = predictions.read(packed(header, Logged("a", 1.0, 2, {"n": [7, None]}, [[0.5], [0.5]])), "key")
    assert table["n"].fillna(-1).tolist() == [7.0, -1.0]


GOOD = packed(HEADER, Logged("a", 1.0, 2, FULL, [[0.5], [0.5]]))
AT, ID_, LABEL, ROWS, INPUTS, SAID, TEXTS = range(7)


def test_unpacked_size_equals_the_decompressed_bytes() -> None:
    assert predictions.unpacked_size(GOOD) == len(gzip.decompress(GOOD))


def changed(index: int, value: object) -> bytes:
    """A good object in which one value of its request is another."""
    header, [request] = msgspec.msgpack.decode(gzip.decompress(GOOD))
    request[index] = value
    return gzip.compress(msgspec.msgpack.encode([header, [request]]))


def with_unseen(unseen: object) -> bytes:
    """A good object whose second row's category is missing, and which tells that this is unseen."""
    header, [request] = msgspec.msgpack.decode(gzip.decompress(GOOD))
    return gzip.compress(msgspec.msgpack.encode([header, [[*request, unseen]]]))


def test_read_refuses_known_values_logged_as_unseen() -> None:
    assert predictions.read(with_unseen({"c": {1: "blue"}}), "key")[1]["c"].tolist() == ["white", "blue"]


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"text", GOOD[:-9], gzip.decompress(GOOD), gzip.compress(b""), gzip.compress(b"text")),
        *(gzip.compress(gzip.decompress(GOOD)[:-3]), gzip.compress(gzip.decompress(GOOD) + b"\0")),
        *(gzip.compress(msgspec.msgpack.encode(value)) for value in (1, [], [{}, []], [1, 2])),
        *(changed(ROWS, value) for value in (1, 3, -2, 1.5, "2", None)),
        *(changed(INPUTS, value) for value in (b"", bytes(8), bytes(65), "text")),
        changed(INPUTS, pack("8d", *[9.0] * 8)),  # there is no tenth category
        *(changed(SAID, value) for value in ([], [0.5], [0.5] * 3, ["a", "b"])),
        *(changed(TEXTS, value) for value in ([], [[]], [["any"]], [[1, 2]])),
        *(with_unseen(value) for value in ({"c": {2: "blue"}}, {"c": {-1: "blue"}}, {"c": {0: "blue"}})),
        *(with_unseen(value) for value in ({"n": {0: "blue"}}, {"t": {1: "blue"}}, {"z": {1: "blue"}}, {"c": {1: 3}})),
        *(changed(AT, "now"), changed(ID_, 7), changed(LABEL, 7)),
    ],
    ids=lambda _: "",
)
def test_read_of_a_damaged_object_names_it(data: bytes) -> None:
    with pytest.raises(SpecError, match="predictions/wine/x"):
        predictions.read(data, "predictions/wine/x")


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.floats(0, 10_000)), min_size=1))
def test_once_keeps_the_first_answer_of_each_request(answers: list[tuple[str, float]]) -> None:
    header = Header("wine", "1.0.0", "aws", "aws/sagemaker", 1.0, COLUMNS[:1])
    objects = [packed(header, Logged(name, moment, 1, {"x": [moment]}, [[0.5]])) for name, moment in answers]
    tables = [predictions.read(data, "key")[1] for data in objects]
    whole = predictions.once(predictions.pd.concat(tables, ignore_index=True))
    assert sorted(whole[predictions.ID]) == sorted({name for name, _ in answers})
    for name, moment in zip(whole[predictions.ID], whole[predictions.AT], strict=True):
        assert moment == min(t for n, t in answers if n == name)
    part = predictions.parts(whole)
    assert sum(map(len, part.values())) == len(whole)
    assert all(part_of == predictions.part_of(t) for part_of, rows in part.items() for t in rows[predictions.AT])


def test_parts_and_hours_are_in_utc() -> None:
    assert predictions.part_of(0) == "1970-01-01T00-00"
    assert predictions.part_of(23 * 3600 + 599.9) == "1970-01-01T23-05"
    assert hour_of(23 * 3600) == "1970-01-01T23"
    assert predictions.hours("1970-01-01T23", "1970-01-02T01") == ["1970-01-01T23", "1970-01-02T00", "1970-01-02T01"]
    assert object_key("wine", 0.0, "aws-x", 3) == "predictions/wine/1970-01-01T00/aws-x-000003.msgpack.gz"
