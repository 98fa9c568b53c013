"""The gate's metrics: equal to scikit-learn's where it has a value, and defined by classes that both know elsewhere."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from intermodal.platform.errors import SpecError
from intermodal.platform.training.metrics import as_texts, score, score_common

CLASSES = np.array(["a", "b", "c"])
seeds = st.integers(0, 2**32 - 1)


def _draw(seed: int, count: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """Truth with every class, and probabilities that sum to 1."""
    dice = np.random.default_rng(seed)
    truth = dice.permutation(CLASSES[np.arange(count) % 3])
    return truth, dice.dirichlet(np.ones(3), count)


@given(seeds)
def test_multiclass_scores_are_those_of_scikit_learn(seed: int) -> None:
    truth, matrix = _draw(seed)
    chosen = CLASSES[matrix.argmax(axis=1)]
    expected = {
        "roc_auc": sk.roc_auc_score(truth, matrix, multi_class="ovr", labels=CLASSES),
        "log_loss": sk.log_loss(truth, matrix, labels=CLASSES),
        "accuracy": sk.accuracy_score(truth, chosen),
        "f1_macro": sk.f1_score(truth, chosen, average="macro"),
    }
    assert {name: score(name, truth, matrix, "multiclass", CLASSES) for name in expected} == pytest.approx(expected)


@given(seeds)
def test_binary_scores_are_those_of_scikit_learn(seed: int) -> None:
    dice = np.random.default_rng(seed)
    truth, share = dice.permutation(np.arange(20) % 2), dice.random(20)
    expected = {
        "roc_auc": sk.roc_auc_score(truth, share),
        "log_loss": sk.log_loss(truth, share),
        "accuracy": sk.accuracy_score(truth, share >= 0.5),
    }
    assert {name: score(name, truth, share, "binary", [0, 1]) for name in expected} == pytest.approx(expected)


def test_labels_that_missing_values_made_floats_are_the_same_labels() -> None:
    assert as_texts(np.array([1.0, 2.0])) == as_texts([1, 2]) == ["1", "2"]
    assert score("accuracy", np.array([0.0, 1.0]), [0.1, 0.9], "binary", [0, 1]) == 1.0


def test_labels_that_end_like_a_fraction_stay_apart() -> None:
    assert as_texts(["v2.0", "v2", "-2.0", "1.10.0"]) == ["v2.0", "v2", "-2", "1.10.0"]


def test_registered_labels_are_texts_and_score_the_same() -> None:
    truth, share = np.array([True, False, True]), np.array([0.9, 0.2, 0.4])
    assert score("accuracy", truth, share, "binary", ["False", "True"]) == pytest.approx(2 / 3)


@given(seeds)
def test_common_classes_are_scaled_to_the_sum_1(seed: int) -> None:
    truth, matrix = _draw(seed)
    rows = truth != "c"
    pair = matrix[rows][:, :2] / matrix[rows][:, :2].sum(axis=1, keepdims=True)
    expected = sk.log_loss(truth[rows], pair, labels=["a", "b"])
    assert score_common("log_loss", truth, matrix, list("abc"), ["a", "b"]) == pytest.approx(expected)


@pytest.mark.parametrize("metric", ["roc_auc", "log_loss"])
def test_no_known_class_has_no_score(metric: str) -> None:
    assert math.isnan(score(metric, ["z", "z"], np.full((2, 3), 1 / 3), "multiclass", CLASSES))


@pytest.mark.parametrize("metric", ["rmse", "mae", "r2"])
def test_metric_of_numbers_for_classes_other_than_0_and_1_is_refused(metric: str) -> None:
    with pytest.raises(SpecError, match="the classes are 1, 2: it would compare probabilities with them"):
        score(metric, np.array([1, 2, 2]), np.array([0.1, 0.9, 0.8]), "binary", [1, 2])
    assert np.isfinite(score(metric, np.array([0, 1, 1]), np.array([0.1, 0.9, 0.8]), "binary", [0, 1]))
