"""The quality gate."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intermodal.platform.errors import SpecError
from intermodal.platform.training.gate import METRICS, judge

figures = st.floats(-10, 10)


def test_judge_better_than_both_passes() -> None:
    verdict = judge("roc_auc", 0.7, baseline=0.65, champion=0.69)
    assert verdict.passed
    assert "beats the baseline's 0.6500" in verdict.reasons[0]
    assert "not worse" in verdict.reasons[1]


def test_judge_equal_to_the_baseline_fails() -> None:
    assert not judge("roc_auc", 0.65, baseline=0.65, champion=None).passed


def test_judge_equal_to_the_champion_passes() -> None:
    assert judge("roc_auc", 0.65, baseline=None, champion=0.65).passed


def test_judge_of_an_error_prefers_less() -> None:
    assert judge("rmse", 1.0, baseline=2.0, champion=1.5).passed
    assert not judge("rmse", 3.0, baseline=2.0, champion=None).passed


def test_judge_with_a_margin_applies_it_to_both() -> None:
    assert not judge("roc_auc", 0.66, baseline=0.65, champion=None, margin=0.02).passed
    assert judge("roc_auc", 0.66, baseline=None, champion=0.67, margin=0.02).passed


@pytest.mark.parametrize("figure", [math.nan, math.inf, -math.inf])
def test_judge_of_nan_fails(figure: float) -> None:
    assert not judge("roc_auc", figure, baseline=None, champion=None).passed


def test_judge_of_an_unknown_metric_lists_the_known() -> None:
    with pytest.raises(SpecError, match="roc_auc"):
        judge("auc", 0.5, baseline=None, champion=None)


@given(st.sampled_from(sorted(METRICS)), figures, figures, figures)
def test_judge_cannot_pass_both_of_two_candidates(metric: str, a: float, b: float, margin: float) -> None:
    margin = abs(margin)
    assert not (judge(metric, a, baseline=b, champion=None, margin=margin).passed
                and judge(metric, b, baseline=a, champion=None, margin=margin).passed)  # fmt: skip
