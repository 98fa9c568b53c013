"""Typical models: each as a package of Intermodal, which the peers' servers read too."""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from intermodal.platform.protocol.package import Golden, Package
from intermodal.platform.protocol.v2 import request_body
from intermodal.platform.spec import ModelSpec
from intermodal.platform.training import fit
from intermodal.platform.training.dataframes import columns_of
from tests.bench.environment import HOME
from tests.binary_body import tensor

ROWS, CLASSES = 4000, 1000
WORDS = "late early plane train ticket refund seat gate crew delay storm bag lost found thanks never again good bad"


@dataclass(frozen=True)
class Kind:
    """``binary``: whether requests are V2's binary tensors where the server takes them."""

    name: str
    make: Callable[[], tuple[pd.DataFrame, pd.Series, Callable[..., Any]]]
    binary: bool = False

    def package(self) -> Path:
        """The folder of the package, made anew."""
        folder = HOME / "kinds" / self.name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        rows, target, function = self.make()
        fitted = fit.fit(function, rows, target, {}, columns_of(rows), classifies=not self.binary)
        part = rows.head(200).reset_index(drop=True)
        fit.package(_spec(self.name), fitted, part, part, folder)
        return folder


@dataclass(frozen=True)
class Request:
    """One row as JSON and, where the kind is ``binary``, as binary tensors; and the model's prediction of it."""

    json: bytes
    binary: bytes
    expected: Sequence[float]


def request(folder: Path, binary: bool) -> Request:
    package, golden = Package.read(folder), Golden.read(folder)
    row, expected = next(
        (row, values) for row, values in zip(golden.rows, golden.predictions, strict=True) if None not in row.values()
    )
    plain = request_body(package.signature, [row])
    if not binary:
        return Request(plain, plain, expected)
    (column,) = package.signature.inputs
    part = np.array(row[column.name], dtype="<f4").tobytes()
    head = json.dumps({"inputs": [tensor(column.name, "FP32", [1, *column.shape], len(part))]}).encode()
    return Request(plain, head + part, expected)


def _spec(name: str) -> ModelSpec:
    return ModelSpec.model_validate(
        {
            "name": name,
            "owner": "team:bench",
            "data": {"function": "data.rows", "partitions": {"monthly": {"start": "2024-01"}}},
            "features": {"function": "data.features", "target": "y"},
            "train": {"function": "train.fit"},
            "gate": {"metric": "roc_auc"},
        }
    )


def _table() -> tuple[pd.DataFrame, pd.Series]:
    dice = np.random.default_rng(7)
    rows = pd.DataFrame({f"n{k}": dice.normal(size=ROWS).round(3) for k in range(10)})
    for k in range(4):
        rows[f"t{k}"] = dice.choice([f"value{v}" for v in range(12)], ROWS)
    return rows, pd.Series((rows["n0"] + rows["n1"] * (rows["t0"] == "value3") > 0.2).astype(int))


def pipeline() -> tuple[pd.DataFrame, pd.Series, Callable[..., Any]]:
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    rows, target = _table()
    numbers, texts = [f"n{k}" for k in range(10)], [f"t{k}" for k in range(4)]
    scaled = make_pipeline(SimpleImputer(), StandardScaler())
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    parts = ColumnTransformer([("n", scaled, numbers), ("t", encoder, texts)])
    return rows, target, lambda x, y: make_pipeline(parts, HistGradientBoostingClassifier(max_iter=100)).fit(x, y)


def xgboost() -> tuple[pd.DataFrame, pd.Series, Callable[..., Any]]:
    from xgboost import XGBClassifier

    rows, target = _table()
    numbers = rows[[f"n{k}" for k in range(10)]].astype("float32")
    return numbers, target, lambda x, y: XGBClassifier(n_estimators=200, max_depth=6, n_jobs=1).fit(x, y)


def text() -> tuple[pd.DataFrame, pd.Series, Callable[..., Any]]:
    from sklearn.compose import ColumnTransformer
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    dice = np.random.default_rng(7)
    rows = pd.DataFrame({"text": [" ".join(dice.choice(WORDS.split(), 12)) for _ in range(ROWS)]})
    target = pd.Series(rows["text"].str.count("good|thanks").gt(1).astype(int))
    words = ColumnTransformer([("words", TfidfVectorizer(), "text")])
    return rows, target, lambda x, y: make_pipeline(words, LogisticRegression()).fit(x, y)


def image() -> tuple[pd.DataFrame, pd.Series, Callable[..., Any]]:
    """A depthwise convolutional network of 4 MB on 3x224x224, with random weights: what it predicts does not matter."""
    dice = np.random.default_rng(7)
    pictures = dice.random((4, 3, 224, 224), dtype="float32").round(2)
    return pd.DataFrame({"picture": list(pictures)}), pd.Series(range(4)), lambda _, __: _network(dice)


def _network(dice: np.random.Generator) -> Any:
    import onnx
    from onnx import helper, numpy_helper

    nodes, weights, last, width = [], [], "picture", 3
    for k, wider in enumerate((32, 64, 128, 256, 512, 768)):
        for name, shape, group in ((f"d{k}", (width, 1, 3, 3), width), (f"p{k}", (wider, width, 1, 1), 1)):
            scale = 1 / np.sqrt(np.prod(shape[1:]))
            weights.append(numpy_helper.from_array((dice.normal(size=shape) * scale).astype("float32"), name))
            edge = {"pads": [1, 1, 1, 1], "strides": [2, 2]} if group > 1 else {}
            nodes.append(helper.make_node("Conv", [last, name], [f"c_{name}"], group=group, **edge))
            nodes.append(helper.make_node("Relu", [f"c_{name}"], [f"r_{name}"]))
            last = f"r_{name}"
        width = wider
    head = (dice.normal(size=(width, CLASSES)) * 0.05).astype("float32")
    weights.append(numpy_helper.from_array(head, "head"))
    nodes += [
        helper.make_node("GlobalAveragePool", [last], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("MatMul", ["flat", "head"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["probabilities"], axis=1),
    ]
    number = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("picture", number, ["n", 3, 224, 224])],
        [helper.make_tensor_value_info("probabilities", number, ["n", CLASSES])],
        weights,
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)])
    made.ir_version = 10
    return made


PACKAGES = ("cloudpickle==3.1.2", "onnxruntime==1.32.0", "pandas==2.3.3", "scikit-learn==1.9.1", "xgboost-cpu==3.2.0")
"""What a server needs beside its own, to serve any of them."""
KINDS = (Kind("pipeline", pipeline), Kind("text", text), Kind("xgboost", xgboost), Kind("image", image, binary=True))
