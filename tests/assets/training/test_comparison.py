"""Candidate, champion and baseline on the same held-out month: every difference between them is a verdict."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.assets.training.cases import ROWS, Case, failure, forest, graded, reasons


def _high_later(month: str, table: pd.DataFrame) -> pd.DataFrame:
    """From April, every twelfth row has a class of its own."""
    table = graded(table)
    return table.assign(y=table["y"].where((table.index % 12 != 0) | (month < "2024-04"), "high"))


def test_champion_without_the_new_class_is_judged_by_its_own_labels(tmp_path: Path) -> None:
    case = Case(tmp_path, _high_later, forest, metric="accuracy")
    assert case.train().success
    champion = case.registry.champion("case")
    result = case.train(first=4)
    heldout = case.tables.read("case", "features", "2024-06-01")
    assert champion is not None
    probabilities = case.registry.predictor(champion.candidate)(heldout[["a", "b"]])
    own = np.array(champion.candidate.record.signature.output.labels)[probabilities.argmax(axis=1)]
    assert case.record.metrics["champion_accuracy"] == pytest.approx(float((own == heldout["y"]).mean()))
    assert case.record.metrics["champion_accuracy"] > 0.8
    text = reasons(result)["quality_gate"]
    assert "The champion 1.0.0 knows the classes 'low', 'mid', 'top'" in text
    assert "compared by predicted label" in text


@pytest.mark.parametrize("metric", ["roc_auc", "log_loss"])
def test_champion_without_the_new_class_is_compared_on_common_classes(tmp_path: Path, metric: str) -> None:
    case = Case(tmp_path, _high_later, forest, metric=metric)
    assert case.train().success
    result = case.train(first=4)
    assert "quality_gate" in reasons(result), failure(result)
    text = reasons(result)["quality_gate"]
    assert f"compared on the {ROWS - ROWS // 12} rows of 'low', 'mid', 'top'" in text
    assert {f"champion_{metric}", f"compared_{metric}"} <= set(case.record.metrics)


def _third_later(month: str, table: pd.DataFrame) -> pd.DataFrame:
    """Two classes, and from April a third in every twelfth row."""
    signs = np.where(table["y"] > 0, "plus", "minus")
    return table.assign(y=np.where((table.index % 12 != 0) | (month < "2024-04"), signs, "high"))


def test_champion_of_two_classes_is_compared_when_a_third_is_added(tmp_path: Path) -> None:
    case = Case(tmp_path, _third_later, forest, metric="log_loss")
    assert case.train().success
    text = reasons(case.train(first=4))["quality_gate"]
    assert f"compared on the {ROWS - ROWS // 12} rows of 'minus', 'plus'" in text
    assert case.record.task == "multiclass"
    assert {"champion_log_loss", "compared_log_loss"} <= set(case.record.metrics)


def test_champion_of_two_classes_is_judged_by_its_labels(tmp_path: Path) -> None:
    case = Case(tmp_path, _third_later, forest, metric="accuracy")
    assert case.train().success
    case.train(first=4)
    assert 0.7 < case.record.metrics["champion_accuracy"] <= 1 - 1 / 12


def test_refusal_of_a_champion_quotes_no_sensitive_value(tmp_path: Path) -> None:
    case = Case(tmp_path, _text_later, sensitive=["size"])
    assert case.train().success
    text = reasons(case.train(first=4))["quality_gate"]
    assert "The champion 1.0.0 cannot answer, so it is not compared on 2024-06." in text
    assert "expected an integer" not in text


def _gaps_later(month: str, table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(a=table["a"].where((table.index != 5) | (month < "2024-04")))


def _text_later(month: str, table: pd.DataFrame) -> pd.DataFrame:
    sizes = pd.Categorical(np.array(["s", "m", "l"])[table.index % 3])
    return table.assign(size=table.index % 3 if month < "2024-04" else sizes)


def _fraction_later(month: str, table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(size=table.index % 3 + (0 if month < "2024-04" else 0.5))


def _without_b_later(month: str, table: pd.DataFrame) -> pd.DataFrame:
    return table if month < "2024-04" else table.drop(columns="b")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_gaps_later, "'a', row 5: the value is missing"),
        (_text_later, "'size', row 0: expected an integer"),
        (_fraction_later, "'size', row 0: expected an integer"),
        (_without_b_later, "'b' is absent"),
    ],
)
def test_champion_that_refuses_todays_rows_is_a_finding(
    tmp_path: Path, change: Callable[[str, pd.DataFrame], pd.DataFrame], words: str
) -> None:
    case = Case(tmp_path, change)
    assert case.train().success
    result = case.train(first=4)
    assert result.success, failure(result)
    text = reasons(result)["quality_gate"]
    assert "The champion 1.0.0 cannot answer, so it is not compared on 2024-06." in text
    assert words in text
    assert case.champion == "2.0.0"


def test_champion_of_another_task_is_a_finding(tmp_path: Path) -> None:
    case = Case(tmp_path, lambda _, table: table)
    assert case.train().success
    classes = Case(tmp_path, lambda _, table: graded(table), forest, metric="accuracy")
    classes.registry = case.registry
    result = classes.train(first=4)
    assert result.success, failure(result)
    assert (
        "The champion 1.0.0 is a regression model and the candidate a multiclass one" in reasons(result)["quality_gate"]
    )


def _rare(month: str, table: pd.DataFrame) -> pd.DataFrame:
    table = graded(table)
    return table[table["y"] != "top"] if month == "2024-03-01" else table


@pytest.mark.parametrize("metric", ["roc_auc", "log_loss", "accuracy", "f1_macro"])
def test_class_absent_from_the_holdout_is_a_finding(tmp_path: Path, metric: str) -> None:
    case = Case(tmp_path, _rare, forest, metric=metric)
    result = case.train()
    assert result.success, failure(result)
    assert np.isfinite(case.record.metrics[metric])
    assert f"2024-03 has no row of 'top', so {metric} says nothing about it." in reasons(result)["quality_gate"]


def _new(month: str, table: pd.DataFrame) -> pd.DataFrame:
    table = graded(table)
    return table.assign(y=table["y"].where((table.index > 3) | (month != "2024-03-01"), "zzz"))


@pytest.mark.parametrize(
    ("metric", "effect"),
    [
        ("log_loss", "left out of log_loss"),
        ("roc_auc", "left out of roc_auc"),
        ("accuracy", "counted as wrong in accuracy"),
        ("f1_macro", "counted as wrong in f1_macro"),
    ],
)
def test_class_new_in_the_holdout_is_a_finding(tmp_path: Path, metric: str, effect: str) -> None:
    case = Case(tmp_path, _new, forest, metric=metric)
    result = case.train()
    assert result.success, failure(result)
    expected = f"2024-03 has 4 rows of 'zzz', which the training window has not; they are {effect}."
    assert expected in reasons(result)["quality_gate"]


def test_holdout_of_one_class_fails_the_gate_with_a_sentence(tmp_path: Path) -> None:
    def change(month: str, table: pd.DataFrame) -> pd.DataFrame:
        return table.assign(y="low") if month == "2024-03-01" else graded(table)

    case = Case(tmp_path, change, forest, metric="roc_auc")
    text = reasons(case.train())["quality_gate"]
    assert "roc_auc needs rows of at least 2 classes" in text
    assert case.champion is None
