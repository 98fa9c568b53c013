"""Predictions as responses: several outputs, labels, and those that a request names."""

from typing import Any

import pytest

from intermodal.platform.protocol.signature import Column, Output, Signature
from intermodal.serving.errors import RequestError
from intermodal.serving.protocol.bodies import RequestedOutput
from intermodal.serving.protocol.outputs import answer, label_of, requested, rows_of

PROBABILITY = Output("probability", labels=("no", "yes"))
LABEL = Output("label", "BYTES", labels=("no", "yes"))
BINARY = Signature((Column("x", "FP64"),), (PROBABILITY, LABEL))
TENSORS = Signature(
    (Column("x", "FP64"),),
    (Output("price"), Output("count", "INT32"), Output("box", "FP32", (2, 2)), Output("open", "BOOL")),
)
NUMBERS = [9.5, 3.0, 1.0, 2.0, 3.0, 4.0, 1.0, 8.5, 4.0, 5.0, 6.0, 7.0, 8.0, 0.0]


def tensors(signature: Signature, values: list[float], *names: str) -> dict[str, Any]:
    wanted = requested([RequestedOutput(name) for name in names], signature)
    found = answer("m", "1.0.0", None, signature, values, wanted)["outputs"]
    return {tensor["name"]: (tensor["datatype"], tensor["shape"], tensor["data"]) for tensor in found}


def test_answer_of_several_outputs_has_each_in_its_type_and_shape() -> None:
    assert tensors(TENSORS, NUMBERS) == {
        "price": ("FP64", [2], [9.5, 8.5]),
        "count": ("INT32", [2], [3, 4]),
        "box": ("FP32", [2, 2, 2], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]),
        "open": ("BOOL", [2], [True, False]),
    }


def test_answer_has_the_outputs_that_the_request_names_in_its_order() -> None:
    assert list(tensors(TENSORS, NUMBERS, "open", "price", "open")) == ["open", "price"]


def test_output_that_the_model_has_not_is_refused_with_those_it_has() -> None:
    with pytest.raises(RequestError, match=r"Unknown output .other.; this model gives: probability, label"):
        tensors(BINARY, [0.5], "other")


def test_extension_that_would_be_ignored_is_refused() -> None:
    """Triton's client sends it for ``class_count``."""
    with pytest.raises(RequestError, match="'classification' is not supported"):
        requested([RequestedOutput("probability", {"classification": 2})], BINARY)
    assert requested([RequestedOutput("label", {"binary_data": True})], BINARY) == (LABEL,)


def test_label_is_the_most_probable_class() -> None:
    assert tensors(BINARY, [0.25, 0.5, 0.75])["label"] == ("BYTES", [3], ["no", "no", "yes"])
    several = Output("probabilities", shape=(3,), labels=("a", "b", "c"))
    assert [label_of(several, row) for row in ([0.2, 0.5, 0.3], [0.4, 0.4, 0.2])] == ["b", "a"]


def test_rows_of_one_output_are_values_and_of_several_are_objects() -> None:
    assert rows_of(BINARY, [0.25, 0.75]) == [0.25, 0.75]
    assert rows_of(TENSORS, NUMBERS)[1] == {"price": 8.5, "count": 4, "box": [[5.0, 6.0], [7.0, 8.0]], "open": False}
    assert rows_of(TENSORS, []) == []
