"""The fast path of V2 bodies compared with the general path: it gives the same prediction or declines."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intermodal.platform.protocol.signature import Column, Output, Signature
from intermodal.platform.protocol.v2 import request_body
from intermodal.serving.dataplane import DataPlane
from intermodal.serving.errors import RequestError
from intermodal.serving.fast_path.rows import FastRows
from intermodal.serving.protocol import outputs
from tests.serving.conftest import FLIGHTS, POINTS, Row


def both_paths(plane: DataPlane, body: bytes) -> tuple[Any, Any]:
    """The fast path's prediction (None when it declined) and the general one's (None when it was rejected)."""
    try:
        general = plane.answer(plane.read_v2(body, "json"))
    except RequestError:
        general = None
    return plane.plain_rows(body), general


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"wind": None, "seats": None, "engine": None},
        {"distance": 733, "wind": 12},
        {"distance": -0.0, "hour": -3, "weekend": True},
        {"distance": 1e-320},
        {"distance": 1e300},
    ],
)
def test_fast_rows_plain_row_equals_general_path(plane: DataPlane, row: Row, change: Row) -> None:
    raw = json.loads(request_body(FLIGHTS, [{**row, **change}]))
    for more in ({}, {"id": 'a "quoted" id, ключ'}, {"parameters": {"a": 1}}, {"inputs": raw["inputs"][::-1]}):
        fast, general = both_paths(plane, json.dumps({**raw, **more}).encode())
        assert fast is not None
        assert fast == general


def test_fast_rows_several_rows_equal_general_path(plane: DataPlane, row: Row) -> None:
    gaps = {**row, "wind": None, "seats": None, "engine": None}
    for rows in ([row, gaps], [gaps, row, row], [row] * plane.inline_rows):
        fast, general = both_paths(plane, request_body(FLIGHTS, rows, "mine"))
        assert fast is not None
        assert fast == general
        assert fast.rows == len(rows) == len(fast.values)


def test_fast_rows_several_outputs_equal_general_path(sides: DataPlane) -> None:
    for count in (1, 4):
        fast, general = both_paths(sides, request_body(POINTS, [{"x": 0.1, "y": 2}] * count, "7"))
        assert fast is not None
        assert fast == general
        assert len(fast.values) == 3 * count


@pytest.mark.parametrize("label", ["[0.0", '"data":[0.0', '"shape":[1', "ü"])
def test_fast_rows_any_class_name_equals_general_path(label: str) -> None:
    signature = Signature((Column("x", "FP64"),), (Output("p", shape=(2,), labels=(label, "b")),))
    fast = FastRows(signature, "m", "1.0.0", lambda _, rows: [0.25, 0.75] * rows, 8)
    for rows in (1, 3):
        prediction = fast.predict(request_body(signature, [{"x": 1.0}] * rows))
        assert prediction is not None
        assert json.loads(prediction.body) == outputs.answer("m", "1.0.0", None, signature, [0.25, 0.75] * rows)


@pytest.mark.parametrize(
    "change",
    [
        *({"carrier": "ZZ"}, {"carrier": 3}, {"distance": "733.5"}, {"hour": 18.0}, {"hour": 2**53}, {"hour": 2**64}),
        *({"weekend": 1}, {"weekend": None}, {"carrier": None}, {"distance": [1.0]}),
    ],
)
def test_fast_rows_inexact_value_is_declined(plane: DataPlane, row: Row, change: Row) -> None:
    assert plane.plain_rows(request_body(FLIGHTS, [{**row, **change}])) is None


def test_fast_rows_other_body_is_declined(plane: DataPlane, row: Row) -> None:
    raw = json.loads(request_body(FLIGHTS, [row]))
    inputs = raw["inputs"]
    bodies: list[dict[str, Any]] = [
        {**raw, "outputs": [{"name": "nothing"}]},
        {**raw, "instances": []},
        {"inputs": inputs[1:]},
        {"inputs": [*inputs, inputs[0]]},
        {"inputs": [*inputs, {**inputs[0], "name": "unknown"}]},
        {"inputs": []},
        {"instances": [row]},
    ]
    for body in bodies:
        assert plane.plain_rows(json.dumps(body).encode()) is None
    assert plane.plain_rows(request_body(FLIGHTS, [row] * (plane.inline_rows + 1))) is None
    assert plane.plain_rows(request_body(FLIGHTS, [])) is None
    assert plane.plain_rows(b"") is None
    assert plane.plain_rows(b'{"inputs": NaN}') is None
    assert plane.plain_rows(b"[" * 100_000) is None
    assert plane.plain_rows(b"\xff{}") is None


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**65), 2**65),
    st.floats(allow_nan=True),
    st.sampled_from(["UA", "B6", "jet", "ZZ", "1", "true", ""]),
    st.lists(st.floats(0, 1), max_size=2),
)
ROWS = st.fixed_dictionaries(
    {
        "distance": st.floats(0, 5000) | VALUES,
        "hour": st.integers(0, 23) | VALUES,
        "carrier": st.sampled_from(["UA", "B6"]) | VALUES,
        "wind": st.none() | st.floats(0, 40) | VALUES,
        "engine": st.sampled_from(["jet", None]) | VALUES,
        "weekend": st.booleans() | VALUES,
        "seats": st.none() | st.integers(50, 300) | VALUES,
    }
)
SHAPES = st.sampled_from([None, None, None, [1, 1], [2], [], [-1], [1.0], [True]])


@settings(max_examples=500)
@given(
    rows=st.lists(ROWS, min_size=1, max_size=3),
    shape=SHAPES,
    datatype=st.sampled_from([None, None, "FP64", "INT8", "TEXT"]),
    order=st.randoms(),
)
def test_fast_rows_any_body_declined_or_equal(
    plane: DataPlane, rows: list[Row], shape: list[Any] | None, datatype: str | None, order: Any
) -> None:
    raw = json.loads(request_body(FLIGHTS, rows))
    order.shuffle(raw["inputs"])
    odd = order.choice(raw["inputs"])
    odd["shape"], odd["datatype"] = odd["shape"] if shape is None else shape, datatype or odd["datatype"]
    fast, general = both_paths(plane, json.dumps(raw).encode())
    if fast is not None:
        assert fast == general
