"""Modules of PyTorch become ONNX graphs that give the same outputs for any number of rows."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from intermodal.platform.errors import SpecError
from intermodal.platform.training import formats
from tests import pytorch

TABLE = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [4, 5, 6]})
PICTURES = pd.DataFrame({"picture": list(np.random.default_rng(1).normal(size=(3, 2, 4, 4)).astype("float32"))})


@pytest.fixture(autouse=True)
def _torch() -> None:
    pytorch.require()


def module(forward: Any) -> Any:
    import torch

    made = type("Net", (torch.nn.Module,), {"forward": forward})()
    made.bias = torch.nn.Parameter(torch.tensor(0.5))
    return made


def test_module_of_a_matrix_predicts_as_its_graph() -> None:
    network = formats.estimator_of(module(lambda self, x: x.sum(1) + self.bias), TABLE)
    assert network.predict(TABLE)["prediction"].tolist() == [5.5, 7.5, 9.5]
    assert network.predict(TABLE.head(1))["prediction"].tolist() == [5.5]


def test_module_of_named_columns_gives_named_outputs() -> None:
    network = formats.estimator_of(module(lambda self, b, a: {"sum": a + b, "shift": a * 0 + self.bias}), TABLE)
    found = network.predict(TABLE)
    assert {name: array.tolist() for name, array in found.items()} == {"sum": [5.0, 7.0, 9.0], "shift": [0.5] * 3}


def test_module_of_pictures_is_given_them_whole() -> None:
    network = formats.estimator_of(module(lambda self, x: (x.mean((2, 3)) + self.bias, x)), PICTURES)
    found = network.predict(PICTURES)
    assert found["output_0"].shape == (3, 2)
    assert np.array_equal(found["output_1"], np.stack(PICTURES["picture"].tolist()))


def test_module_of_other_names_is_refused_with_both() -> None:
    with pytest.raises(SpecError, match="takes x, y, and the features are a, b"):
        formats.estimator_of(module(lambda self, x, y: x + y + self.bias), TABLE)


def test_output_with_the_name_of_a_parameter_is_refused() -> None:
    with pytest.raises(SpecError, match="'bias' is an input or output"):
        formats.estimator_of(module(lambda self, x: {"bias": x.sum(1) + self.bias}), TABLE)


def test_module_that_the_exporter_cannot_follow_is_refused() -> None:
    with pytest.raises(SpecError, match="cannot be converted to ONNX"):
        formats.estimator_of(module(lambda self, x: x + self.bias if x.sum() > 0 else x), TABLE)


def test_module_of_text_is_refused() -> None:
    with pytest.raises(SpecError, match="holds text or missing values"):
        formats.estimator_of(module(lambda self, x: x + self.bias), pd.DataFrame({"a": ["x", None]}))
