"""Binary tensors: the same rows as JSON and as bytes give the same prediction, whichever header arrives."""

import json
from struct import pack
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intermodal.serving.dataplane import DataPlane
from intermodal.serving.errors import RequestError
from intermodal.serving.protocol import bodies
from intermodal.serving.protocol.binary import split, unpacked
from tests.binary_body import body_of, tensor
from tests.serving.conftest import FLIGHTS, POINTS, Row
from tests.serving.driver import INFER, app_of, call

NUMBERS: dict[str, tuple[str, st.SearchStrategy[Any]]] = {
    "BOOL": ("?", st.booleans()),
    "FP32": ("f", st.floats(width=32, allow_nan=False)),
    "FP64": ("d", st.floats(allow_nan=False)),
    "INT32": ("i", st.integers(-(2**31), 2**31 - 1)),
    "INT64": ("q", st.integers(-(2**63), 2**63 - 1)),
}


DATATYPES = {column.name: column.datatype for column in FLIGHTS.inputs}


@pytest.mark.parametrize(
    "headers",
    [
        [(b"content-type", b"application/octet-stream"), (b"inference-header-content-length", b"99")],
        [(b"content-type", b"application/octet-stream")],
        [],
    ],
)
@pytest.mark.parametrize("path", [INFER, "/invocations", "/score"])
@pytest.mark.parametrize("count", [0, 1, 3, 900])
def test_binary_tensors_give_the_prediction_of_json(
    plane: DataPlane, row: Row, headers: list[tuple[bytes, bytes]], path: str, count: int
) -> None:
    app = app_of(plane, predict_routes=("/invocations", "/score"))
    rows = [row] * count
    inputs = [
        {"name": name, "datatype": kind, "shape": [count], "data": [row[name]] * count}
        for name, kind in DATATYPES.items()
    ]
    expected = call(app, "POST", INFER, {"id": "7", "inputs": inputs})
    answer = call(app, "POST", path, body_of(rows, DATATYPES), headers)
    assert expected.status == 200
    assert (answer.status, answer.json) == (200, expected.json)
    assert answer.headers["content-type"] == "application/json"


def test_binary_matrix_of_fp32_is_taken(sides: DataPlane) -> None:
    names = [column.name for column in POINTS.inputs]
    part = pack("<4f", -2, 0, 2, 0)
    body = json.dumps({"inputs": [tensor("all", "FP32", [2, len(names)], len(part))]}).encode() + part
    expected = {"inputs": [{"name": "all", "datatype": "FP32", "shape": [2, 2], "data": [-2, 0, 2, 0]}]}
    values = [sides.answer(sides.read_v2(each, "json")).values for each in (body, json.dumps(expected).encode())]
    assert values[0] == values[1]


def test_binary_and_json_tensors_may_be_mixed() -> None:
    first = {"name": "a", "datatype": "FP64", "shape": [1], "data": [0.5]}
    body = json.dumps({"inputs": [first, tensor("b", "INT32", [1], 4)]}).encode() + pack("<i", -7)
    assert [unpacked(each) for each in bodies.read_v2(body).inputs] == [[0.5], [-7]]


@given(st.data(), st.sampled_from(sorted(NUMBERS)), st.sampled_from([b"", b" ", b"\n  "]))
def test_binary_numbers_are_read_as_they_were_written(data: st.DataObject, datatype: str, padding: bytes) -> None:
    values = data.draw(st.lists(NUMBERS[datatype][1], max_size=5))
    body = body_of([{"x": value} for value in values], {"x": datatype}, padding)
    assert unpacked(bodies.read_v2(body).inputs[0]) == values


@pytest.mark.parametrize("value", b" \t\r\n")
@pytest.mark.parametrize("read", [bodies.read_v2, bodies.read_any])
def test_binary_number_that_is_whitespace_in_json_is_read(read: Any, value: int) -> None:
    body = body_of([{"x": value}, {"x": value}], {"x": "INT8"}, b"\n")
    assert unpacked(read(body).inputs[0]) == [value, value]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=4), max_size=5))
def test_binary_texts_are_read_as_they_were_written(texts: list[str]) -> None:
    body = body_of([{"x": text} for text in texts], {"x": "BYTES"})
    assert unpacked(bodies.read_any(body).inputs[0]) == texts  # type: ignore[index]


@given(st.binary(max_size=20))
def test_split_finds_the_end_of_the_json(tail: bytes) -> None:
    head = json.dumps({"a": '"}\\', "b": ["é"]}, ensure_ascii=False).encode()
    assert split(head + tail) == (head, tail)


@pytest.mark.parametrize(
    ("inputs", "tail", "message"),
    [
        ([tensor("x", "FP64", [1], 8)], b"1234567", "7 bytes behind its JSON"),
        ([tensor("x", "FP64", [1], 8)], b"123456789", "9 bytes behind its JSON"),
        ([tensor("x", "FP64", [1], 8)], b"", "0 bytes behind its JSON"),
        ([tensor("x", "FP64", [1], 7)], b"1234567", "'x': 7 bytes are no number of FP64"),
        ([tensor("x", "FP7", [1], 1)], b"1", "'x': no binary datatype 'FP7'"),
        ([tensor("x", "FP64", [1], -8)], b"", "'x' has no 'data'"),
        ([tensor("x", "FP64", [1], True)], b"1", "'x' has no 'data'"),
        ([{"name": "x", "datatype": "FP64", "shape": [1]}], b"", "'x' has no 'data'"),
        ([{**tensor("x", "FP64", [1], 8), "data": [1]}], b"12345678", "'x' has both 'data' and binary_data_size"),
        ([tensor("x", "BYTES", [1], 3)], b"123", "'x': a text's length is beyond"),
        ([tensor("x", "BYTES", [1], 5)], b"\x02\0\0\0a", "'x': a text's length is beyond"),
        ([tensor("x", "BYTES", [1], 5)], b"\x01\0\0\0\xff", "'x', row 0: the text is not UTF-8"),
    ],
)
def test_binary_tensor_that_is_wrong_is_named(inputs: list[Any], tail: bytes, message: str) -> None:
    with pytest.raises(RequestError, match=message) as raised:
        unpacked(bodies.read_v2(json.dumps({"inputs": inputs}).encode() + tail).inputs[0])
    assert raised.value.status == 400


def test_bytes_behind_plain_json_are_an_error() -> None:
    with pytest.raises(RequestError, match="not JSON"):
        bodies.read_v2(b'{"inputs": []} x')
