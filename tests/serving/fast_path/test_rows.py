"""The quick way of plain rows against the general way: it gives the same answer, or leaves it to the general way."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intermodal.platform.protocol.v2 import request_body
from intermodal.serving.dataplane import DataPlane
from intermodal.serving.errors import RequestError
from tests.serving.conftest import FLIGHTS, POINTS, Row


def both_ways(plane: DataPlane, body: bytes) -> tuple[Any, Any]:
    """The quick answer (None when it declined) and the general one (None when it was refused)."""
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
def test_a_plain_row_goes_the_quick_way_and_gives_the_same(plane: DataPlane, row: Row, change: Row) -> None:
    raw = json.loads(request_body(FLIGHTS, [{**row, **change}]))
    for more in ({}, {"id": 'a "quoted" id, ключ'}, {"parameters": {"a": 1}}, {"inputs": raw["inputs"][::-1]}):
        quick, general = both_ways(plane, json.dumps({**raw, **more}).encode())
        assert quick is not None
        assert quick == general


def test_several_rows_go_the_quick_way_too(plane: DataPlane, row: Row) -> None:
    gaps = {**row, "wind": None, "seats": None, "engine": None}
    for rows in ([row, gaps], [gaps, row, row], [row] * plane.inline_rows):
        quick, general = both_ways(plane, request_body(FLIGHTS, rows, "mine"))
        assert quick is not None
        assert quick == general
        assert quick.rows == len(rows) == len(quick.values)


def test_several_outputs(sides: DataPlane) -> None:
    for count in (1, 4):
        quick, general = both_ways(sides, request_body(POINTS, [{"x": 0.1, "y": 2}] * count, "7"))
        assert quick is not None
        assert quick == general
        assert len(quick.values) == 3 * count


@pytest.mark.parametrize(
    "change",
    [
        *({"carrier": "ZZ"}, {"carrier": 3}, {"distance": "733.5"}, {"hour": 18.0}, {"hour": 2**53}, {"hour": 2**64}),
        *({"weekend": 1}, {"weekend": None}, {"carrier": None}, {"distance": [1.0]}),
    ],
)
def test_what_is_not_plain_is_left_to_the_general_way(plane: DataPlane, row: Row, change: Row) -> None:
    assert plane.plain_rows(request_body(FLIGHTS, [{**row, **change}])) is None


def test_a_body_that_is_not_plain_is_left_to_the_general_way(plane: DataPlane, row: Row) -> None:
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
def test_whatever_the_quick_way_takes_it_answers_as_the_general_way(
    plane: DataPlane, rows: list[Row], shape: list[Any] | None, datatype: str | None, order: Any
) -> None:
    raw = json.loads(request_body(FLIGHTS, rows))
    order.shuffle(raw["inputs"])
    odd = order.choice(raw["inputs"])
    odd["shape"], odd["datatype"] = odd["shape"] if shape is None else shape, datatype or odd["datatype"]
    quick, general = both_ways(plane, json.dumps(raw).encode())
    if quick is not None:
        assert quick == general
