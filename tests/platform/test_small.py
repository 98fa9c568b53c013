"""Parity, V2 bodies, rows as people type them, and the rule that keeps the standard library's platform alive."""

import json
import math
import platform as standard_library
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intermodal.platform.errors import IntermodalError, SpecError
from intermodal.platform.protocol import parity, rows, v2
from intermodal.platform.protocol.signature import Column, Output, Signature

SIGNATURE = Signature((Column("a", "FP64", True), Column("b", "BYTES")), (Output("p"),))
matrix = st.lists(st.lists(st.floats(-1, 1), min_size=2, max_size=2), min_size=1, max_size=5)


def test_platform_is_never_a_package_of_its_own() -> None:
    assert not (Path(__file__).parents[2] / "platform" / "__init__.py").exists()
    assert standard_library.python_version()


@given(matrix)
def test_parity_holds_with_itself(predictions: list[list[float]]) -> None:
    assert parity.holds(predictions, predictions)


@given(matrix, st.floats(1e-5, 1))
def test_parity_notices_a_difference(predictions: list[list[float]], by: float) -> None:
    other = [[x + by for x in row] for row in predictions]
    assert not parity.holds(predictions, other)


def test_parity_of_a_large_number_is_relative() -> None:
    assert parity.holds([[1e9]], [[1e9 + 4e3]])
    assert not parity.holds([[1e9]], [[1e9 + 6e3]])


def test_parity_of_a_small_number_is_absolute() -> None:
    assert parity.holds([[1e-9]], [[4e-7]])
    assert not parity.holds([[1e-9]], [[6e-7]])


@given(st.floats(-1e12, 1e12), st.floats(-1, 1), st.floats(-1, 1))
def test_parity_of_two_endpoints_bounds_their_difference(expected: float, share_a: float, share_b: float) -> None:
    limit = parity.allowed(expected)
    a, b = expected + 0.99 * share_a * limit, expected + 0.99 * share_b * limit
    assert parity.holds(
        [[expected]],
        [
            [a],
        ],
    )
    assert parity.holds(
        [[expected]],
        [
            [b],
        ],
    )
    assert abs(a - b) <= parity.ABSOLUTE + parity.RELATIVE * abs(expected)


def test_worst_deviation_is_the_one_furthest_over_its_limit() -> None:
    found = parity.worst([[1e9, 0.0]], [[1e9 + 100, 1e-3]])
    assert found == parity.Deviation(1e-3, 5e-7)


@pytest.mark.parametrize("other", [[], [[1.0]], [[1.0, math.nan]], [[1.0, math.inf]]])
def test_parity_fails_on_other_shapes_and_on_no_numbers(other: list[list[float]]) -> None:
    assert not parity.holds([[1.0, 2.0]], other)


def test_a_request_has_one_tensor_a_column_with_null_for_missing() -> None:
    body = json.loads(v2.request_body(SIGNATURE, [{"a": 1.0, "b": "x"}, {"b": "y"}]))
    assert body["inputs"][0] == {"name": "a", "datatype": "FP64", "shape": [2], "data": [1.0, None]}


def test_predictions_are_read_one_list_a_row() -> None:
    answer = {"outputs": [{"name": "p", "datatype": "FP64", "shape": [2, 2], "data": [1, 2, 3, 4]}]}
    assert v2.predictions(json.dumps(answer).encode()) == [[1.0, 2.0], [3.0, 4.0]]


@given(st.binary())
def test_what_is_no_answer_is_an_error_of_ours(body: bytes) -> None:
    with pytest.raises(IntermodalError):
        v2.predictions(body)


def test_rows_come_from_an_object_a_list_or_a_table() -> None:
    assert rows.from_json('{"a": 1}') == [{"a": 1}]
    assert rows.from_json('[{"a": 1}, {"a": null}]') == [{"a": 1}, {"a": None}]
    assert rows.from_csv("a,b\n1,x\n,y\n") == [{"a": "1", "b": "x"}, {"a": None, "b": "y"}]


@pytest.mark.parametrize("text", ["", "{", "[]", "[1]", "[" * 100_000, '"x"', "null"])
def test_what_is_no_row_is_refused(text: str) -> None:
    with pytest.raises(SpecError):
        rows.from_json(text)


def test_an_unknown_input_lists_the_known_ones() -> None:
    with pytest.raises(SpecError, match=r"no input 'c'.*a, b"):
        rows.check_names([{"c": 1}], SIGNATURE)


def test_a_missing_input_that_is_needed_is_named_with_its_row() -> None:
    rows.check_names([{"b": "x"}], SIGNATURE)
    with pytest.raises(SpecError, match=r"Row 1: 'b' is missing"):
        rows.check_names([{"b": "x"}, {"a": 1.0, "b": None}], SIGNATURE)


@pytest.mark.parametrize(
    ("output", "parameters"),
    [
        (Output("p"), None),
        (Output("p", shape=(3,)), None),
        (Output("p", labels=("ham", "spam")), {"class_0": "spam", "other_class": "ham"}),
        (Output("p", shape=(2,), labels=("ham", "spam")), {"class_0": "ham", "class_1": "spam"}),
    ],
)
def test_metadata_names_classes_and_what_may_be_missing(output: Output, parameters: dict[str, str] | None) -> None:
    signature = Signature((Column("a", "FP64", True), Column("b", "BYTES")), (output,))
    metadata = json.loads(json.dumps(signature.metadata("m", "1.0.0")))
    assert metadata["outputs"][0].get("parameters") == parameters
    assert [tensor["parameters"] for tensor in metadata["inputs"]] == [{"optional": True}, {"optional": False}]
    assert rows.signature_of(metadata) == signature


def test_metadata_of_an_early_release_leaves_missing_values_to_the_server() -> None:
    old = {"name": "b", "datatype": "BYTES", "shape": [-1]}
    signature = rows.signature_of({"inputs": [old], "outputs": [{"name": "p", "datatype": "FP64", "shape": [-1]}]})
    rows.check_names([{}], signature)
