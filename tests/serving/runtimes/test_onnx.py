"""ONNX graphs: how columns become inputs, what the outputs are, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import TensorProto, helper

from intermodal.platform.errors import SpecError
from intermodal.platform.protocol.package import Golden, Package
from intermodal.platform.protocol.signature import Column, Output, Signature
from intermodal.platform.training import fit, formats
from intermodal.platform.training.dataframes import columns_of
from intermodal.serving.dataplane import open_plane
from intermodal.serving.errors import RequestError, StartError
from intermodal.serving.runtimes.onnx import OnnxNetwork
from intermodal.serving.runtimes.onnx_graph import Graph

FLOAT, INT, TEXT = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING
ROWS = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [10, 20, 30]})


def value(name: str, kind: int, *shape: Any) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def model(nodes: list[onnx.NodeProto], inputs: list[Any], outputs: list[Any]) -> onnx.ModelProto:
    made = helper.make_model(
        helper.make_graph(nodes, "graph", inputs, outputs), opset_imports=[helper.make_opsetid("", 21)]
    )
    made.ir_version = 10
    return made


def node(operator: str, inputs: list[str], *outputs: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(operator, inputs, outputs, **attributes)


def summed(first: Any = "n", matrix: bool = False) -> onnx.ModelProto:
    """The sum of two columns, [n, 1]."""
    if matrix:
        nodes = [node("ReduceSum", ["x", "axes"], "sum", keepdims=1)]
        axes = helper.make_tensor("axes", INT, [1], [1])
        made = model(nodes, [value("x", FLOAT, first, 2)], [value("sum", FLOAT, first, 1)])
        made.graph.initializer.append(axes)
        return made
    nodes = [node("Cast", ["b"], "c", to=FLOAT), node("Add", ["a", "c"], "sum")]
    inputs = [value("a", FLOAT, first, 1), value("b", INT, first, 1)]
    return model(nodes, inputs, [value("sum", FLOAT, first, 1)])


@pytest.mark.parametrize("matrix", [False, True])
@pytest.mark.parametrize("first", ["n", 1])
def test_graph_takes_columns_or_a_matrix_of_them_for_any_rows(matrix: bool, first: Any) -> None:
    graph = Graph(summed(first, matrix).SerializeToString(), list(ROWS), "m")
    found = graph.run([ROWS["a"].tolist(), ROWS["b"].tolist()], 3)
    assert {name: array.ravel().tolist() for name, array in found.items()} == {"sum": [11.0, 22.0, 33.0]}


def test_graph_without_one_of_the_columns_names_it() -> None:
    with pytest.raises(StartError, match="takes a, b, and the columns are a, c") as error:
        Graph(summed().SerializeToString(), ["a", "c"], "m")
    assert "'b' is in one of them only" in (error.value.hint or "")


def test_bytes_that_are_no_graph_are_refused() -> None:
    with pytest.raises(StartError, match="no ONNX graph that can be run"):
        Graph(b"no graph", ["a"], "m")


@pytest.mark.parametrize(("kind", "cells"), [(INT, [1, None]), (TEXT, ["x", None])])
def test_missing_value_that_the_type_cannot_hold_is_refused(kind: int, cells: list[Any]) -> None:
    made = model([node("Identity", ["a"], "b"), node("Shape", ["a"], "shape")], [value("a", kind, "n", 1)], [])
    made.graph.output.append(value("shape", INT, 2))
    with pytest.raises(ValueError, match="column 'a' has a missing value"):
        Graph(made.SerializeToString(), ["a"], "m").run([cells], 2)


def test_label_beside_probabilities_is_left_out() -> None:
    nodes = [node("Softmax", ["x"], "p", axis=1), node("ArgMax", ["x"], "label", axis=1, keepdims=0)]
    made = model(nodes, [value("x", FLOAT, "n", 2)], [value("label", INT, "n"), value("p", FLOAT, "n", 2)])
    assert Graph(made.SerializeToString(), ["a", "b"], "m").outputs == ["p"]


def fitted(made: onnx.ModelProto, target: list[Any], classifies: bool) -> fit.Fitted:
    return fit.fit(
        lambda _, __: made, ROWS, pd.Series(target), {}, columns_of(ROWS), "train.fit", classifies=classifies
    )


def test_network_of_classes_has_probabilities_and_labels(tmp_path: Path) -> None:
    made = model([node("Softmax", ["x"], "p", axis=1)], [value("x", FLOAT, "n", 2)], [value("p", FLOAT, "n", 2)])
    found = fitted(made, ["no", "yes", "no"], classifies=True)
    assert found.task == "binary"
    assert found.signature.outputs == (
        Output("probability", labels=("no", "yes")),
        Output("label", "BYTES", labels=("no", "yes")),
    )
    Package("m", found.task, "onnx", "model.onnx", found.signature).write(tmp_path)
    formats.write(formats.format_of(found.estimator)[1], found.estimator, tmp_path / "model.onnx", (), (), "train.fit")
    Golden([{"a": 1.0, "b": 10}], [[float(found.predict(ROWS)[0])]]).write(tmp_path)
    plane = open_plane(Package.read(tmp_path), tmp_path, "1.0.0")
    answer = plane.answer(plane.read_any(b'{"instances": [{"a": 3, "b": 4}]}', "json"))
    assert answer.values == pytest.approx([1 / (1 + np.exp(-1))])


def test_network_whose_scores_are_no_probabilities_is_refused() -> None:
    with pytest.raises(SpecError, match="are no probabilities"):
        fitted(
            model([node("Identity", ["x"], "p")], [value("x", FLOAT, "n", 2)], [value("p", FLOAT, "n", 2)]),
            [0, 1, 0],
            True,
        )


def test_network_with_another_count_of_classes_is_refused_with_advice() -> None:
    made = model([node("Softmax", ["x"], "p", axis=1)], [value("x", FLOAT, "n", 2)], [value("p", FLOAT, "n", 2)])
    with pytest.raises(SpecError, match=r"returned the shape \[3, 2\] for 3 rows, not \[3, 3\]"):
        fitted(made, ["a", "b", "c"], True)


def test_network_of_numbers_has_its_own_outputs() -> None:
    made = model([node("Identity", ["x"], "box")], [value("x", FLOAT, "n", 2)], [value("box", FLOAT, "n", 2)])
    found = fitted(made, [1.0, 2.0, 3.0], False)
    assert (found.task, found.signature.outputs) == ("regression", (Output("box", "FP32", (2,)),))


def test_rows_that_the_graph_refuses_are_an_error_of_the_request(tmp_path: Path) -> None:
    """A reshape that only three rows fit."""
    made = model([node("Reshape", ["x", "shape"], "p")], [value("x", FLOAT, "n", 2)], [value("p", FLOAT, 3, 2)])
    made.graph.initializer.append(helper.make_tensor("shape", INT, [2], [3, 2]))
    (tmp_path / "model.onnx").write_bytes(made.SerializeToString())
    signature = Signature((Column("a", "FP64"), Column("b", "INT64")), (Output("p", "FP32", (2,)),))
    Package("m", "regression", "onnx", "model.onnx", signature).write(tmp_path)
    Golden([], []).write(tmp_path)
    plane = open_plane(Package.read(tmp_path), tmp_path, "1.0.0")
    with pytest.raises(RequestError, match="cannot take these rows") as error:
        plane.answer(plane.read_any(b'{"instances": [{"a": 1, "b": 2}]}', "json"))
    assert error.value.status == 422


def test_network_keeps_the_bytes_of_the_graph() -> None:
    made = summed()
    network = formats.estimator_of(made, ROWS)
    assert isinstance(network, OnnxNetwork)
    assert network.model == made.SerializeToString()
