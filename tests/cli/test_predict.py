"""``intermodal predict``: a table that says what each number is, and the list of what a model takes."""

import json
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import Result

from intermodal.cli import adapters
from intermodal.platform.protocol.signature import Column, Output, Signature
from intermodal.serving.protocol import outputs
from tests.cli.run import run
from tests.targets import AWS

INPUTS = (Column("distance", "FP64"), Column("carrier", "BYTES", nullable=True), Column("night", "BOOL"))
ROW = '{"distance": 1, "night": true}'


class Gateway:
    """Serves ``metadata``, and answers with a ``served`` model's numbers."""

    def __init__(self, output: Output, values: Sequence[float], served: Output | None = None, *more: Output) -> None:
        self.metadata: dict[str, Any] = Signature(INPUTS, (output, *more)).metadata("m", "1.0.0")
        self._served, self._values = Signature(INPUTS, (served or output, *more)), list(values)

    def route(self, _model: str) -> Any:
        return SimpleNamespace(metadata=self.metadata)

    def infer(self, model: str, _body: bytes) -> Any:
        return json.dumps(outputs.answer(model, "1.0.0", None, self._served, self._values)).encode(), AWS, "1.0.0"


@pytest.fixture
def predict(monkeypatch: pytest.MonkeyPatch) -> Any:
    def call(gateway: Gateway, *arguments: str) -> Result:
        monkeypatch.setattr(adapters, "gateway", lambda: gateway)
        return run(monkeypatch, "predict", "m", *(arguments or ("--json", ROW)))

    return call


def lines(result: Result) -> list[list[str]]:
    assert result.exit_code == 0, result.output
    assert all(len(line) <= 80 for line in result.stdout.splitlines())
    return [line.split() for line in result.stdout.splitlines()]


def test_predict_regression_has_header_prediction(predict: Any) -> None:
    result = predict(Gateway(Output("prediction"), [1.5, 2]), "--json", f"[{ROW}, {ROW}]")
    assert lines(result) == [["row", "prediction"], ["0", "1.500000"], ["1", "2.000000"]]
    assert f"answered by {AWS}, version 1.0.0" in result.stderr


def test_predict_binary_names_the_class_of_the_number(predict: Any) -> None:
    result = predict(Gateway(Output("probability", labels=("ham", "spam")), [0.25]))
    assert lines(result) == [["row", "P(spam)"], ["0", "0.250000"]]
    assert "P(ham) is 1 - P(spam)" in result.stderr


def test_predict_multiclass_has_a_column_for_each_class(predict: Any) -> None:
    result = predict(Gateway(Output("probabilities", shape=(3,), labels=("a", "[b]", "c")), [0.5, 0.25, 0.25]))
    assert lines(result) == [["row", "P(a)", "P([b])", "P(c)"], ["0", "0.500000", "0.250000", "0.250000"]]


def test_predict_classifier_with_labels_has_a_column_for_them(predict: Any) -> None:
    output, label = Output("p", shape=(2,), labels=("a", "[b]")), Output("label", "BYTES", labels=("a", "[b]"))
    result = predict(Gateway(output, [0.25, 0.75], None, label))
    assert lines(result) == [["row", "P(a)", "P([b])", "label"], ["0", "0.250000", "0.750000", "[b]"]]


def test_predict_several_outputs_have_their_names(predict: Any) -> None:
    result = predict(Gateway(Output("weight"), [1, 2, 3], None, Output("box", "FP32", (2,))))
    assert lines(result) == [["row", "weight", "box", "0", "box", "1"], ["0", "1.000000", "2.000000", "3.000000"]]


def test_predict_many_classes_has_a_line_for_each(predict: Any) -> None:
    names = tuple(f"class-of-{'x' * 40}-{k}" for k in range(50))
    result = predict(Gateway(Output("probabilities", shape=(50,), labels=names), [0.02] * 50))
    assert lines(result)[1] == ["0", f"P({names[0]})", "0.020000"]
    assert len(lines(result)) == 51


def test_predict_during_rollout_names_the_classes_of_the_answer(predict: Any) -> None:
    old = Output("probabilities", shape=(2,), labels=("a", "b"))
    new = Output("probabilities", shape=(3,), labels=("a", "b", "c"))
    assert lines(predict(Gateway(old, [0.5, 0.25, 0.25], served=new)))[0] == ["row", "P(a)", "P(b)", "P(c)"]


def test_predict_describe_lists_types_and_what_may_be_missing(predict: Any) -> None:
    result = predict(Gateway(Output("probability", labels=("ham", "spam")), []), "--describe")
    assert lines(result)[:4] == [
        ["input", "type", "datatype", "may", "be", "missing"],
        ["distance", "number", "FP64", "no"],
        ["carrier", "text", "BYTES", "yes"],
        ["night", "true", "or", "false", "BOOL", "no"],
    ]
    assert "the probability of spam rather than ham" in result.stdout


def test_predict_describe_without_the_field_says_unknown(predict: Any) -> None:
    gateway = Gateway(Output("prediction"), [])
    for tensor in gateway.metadata["inputs"]:
        del tensor["parameters"]
    assert lines(predict(gateway, "--describe"))[1] == ["distance", "number", "FP64", "unknown"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('{"distance": 1}', "Row 0: 'night' is missing."),
        ('{"night": true, "distance": null}', "Row 0: 'distance' is missing."),
        ('{"distanz": 1, "night": true}', "Row 0: the model has no input 'distanz'."),
    ],
)
def test_predict_missing_or_unknown_input_is_named(predict: Any, row: str, message: str) -> None:
    result = predict(Gateway(Output("prediction"), [1]), "--json", row)
    assert result.exit_code == 1
    assert message in result.stderr


@pytest.mark.parametrize("arguments", [("--describe", "--json", ROW), ()])
def test_predict_rows_twice_or_never_are_refused(monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]) -> None:
    result = run(monkeypatch, "predict", "m", *arguments)
    assert result.exit_code == 1
    assert "--describe" in result.stderr
