"""The live figure of a team's own metric: judged as the gate judges, and no obstacle to drift when it fails."""

from typing import Any

import numpy as np
import pandas as pd

from intermodal.platform.monitoring.performance import live
from tests.assets.monitoring.test_performance import champion, labelled, predictions_of, spec


def test_live_metric_function_gets_labels_outputs_and_inputs() -> None:
    def right(target: pd.Series, predictions: np.ndarray, features: pd.DataFrame) -> float:
        assert (target.name, list(features), set(features["x"])) == ("late", ["x"], {0.5})
        assert list(target.index) == list(features.index) == list(range(100))
        return float(((predictions > 0.5) == target).mean())

    found = live(
        spec("t.right"),
        champion("binary", [0, 1]),
        labelled([1] * 80 + [0] * 20),
        predictions_of([0.9] * 100),
        function=right,
    )
    assert found == {"labelled_rows": 100, "live_right": 0.8}


def test_live_metric_function_gets_every_row_of_an_unknown_class() -> None:
    def rows(target: pd.Series, predictions: np.ndarray, _: pd.DataFrame) -> float:
        assert predictions.shape == (120, 3)
        return float((target == "new").sum())

    outputs, served = np.tile([[0.6, 0.3, 0.1]], (120, 1)), champion("multiclass", ["a", "b", "c"])
    truth = ["a", "b", "new"] * 40
    found = live(spec("t.count"), served, labelled(truth), predictions_of(outputs), function=rows)
    assert found == {"labelled_rows": 120, "live_count": 40.0}


def test_live_metric_function_that_fails_is_named() -> None:
    def wrong(*_: Any) -> float:
        raise ValueError("late 7")

    arguments: Any = (champion("binary", [0, 1]), labelled([1, 0] * 50), predictions_of([0.9] * 100), (), wrong)
    found = live(spec("t.wrong"), *arguments)
    assert found["labelled_rows"] == 100
    assert found["live_wrong_failed"].startswith("t.wrong failed. t.wrong (")
    assert "raised ValueError in" in found["live_wrong_failed"]
    hiding = spec("t.wrong")
    hidden = hiding.model_copy(update={"features": hiding.features.model_copy(update={"sensitive": ["x"]})})
    assert live(hidden, *arguments)["live_wrong_failed"] == "t.wrong failed."
