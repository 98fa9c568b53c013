"""The quality gate."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intermodal.platform.errors import SpecError
from intermodal.platform.training.gate import METRICS, judge

figures = st.floats(-10, 10)


def test_better_than_both_passes_and_says_so() -> None:
    verdict = judge("roc_auc", 0.7, baseline=0.65, champion=0.69)
    assert verdict.passed
    assert "beats the baseline's 0.6500" in verdict.reasons[0]
    assert "not worse" in verdict.reasons[1]


def test_equal_to_the_baseline_is_not_better() -> None:
    assert not judge("roc_auc", 0.65, baseline=0.65, champion=None).passed


def test_equal_to_the_champion_is_not_worse() -> None:
    assert judge("roc_auc", 0.65, baseline=None, champion=0.65).passed


def test_for_an_error_less_is_better() -> None:
    assert judge("rmse", 1.0, baseline=2.0, champion=1.5).passed
    assert not judge("rmse", 3.0, baseline=2.0, champion=None).passed


def test_the_margin_asks_more_of_the_baseline_and_forgives_against_the_champion() -> None:
    assert not judge("roc_auc", 0.66, baseline=0.65, champion=None, margin=0.02).passed
    assert judge("roc_auc", 0.66, baseline=None, champion=0.67, margin=0.02).passed


@pytest.mark.parametrize("figure", [math.nan, math.inf, -math.inf])
def test_what_is_not_a_number_never_passes(figure: float) -> None:
    assert not judge("roc_auc", figure, baseline=None, champion=None).passed


def test_an_unknown_metric_lists_the_known_ones() -> None:
    with pytest.raises(SpecError, match="roc_auc"):
        judge("auc", 0.5, baseline=None, champion=None)


@given(st.sampled_from(sorted(METRICS)), figures, figures, figures)
def test_a_candidate_and_its_mirror_image_cannot_both_beat_the_other(
    metric: str, a: float, b: float, margin: float
) -> None:
    margin = abs(margin)
    assert not (judge(metric, a, baseline=b, champion=None, margin=margin).passed
                and judge(metric, b, baseline=a, champion=None, margin=margin).passed)  # fmt: skip
