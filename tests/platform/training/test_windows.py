"""Which months are trained on."""

import pytest

from intermodal.platform.errors import SpecError
from intermodal.platform.training.windows import TrainingWindow, latest_window

YEAR = [f"2013-{month:02d}-01" for month in range(1, 13)]


def test_window_holds_out_the_newest_month() -> None:
    assert latest_window(YEAR[:4], 3) == TrainingWindow(("2013-01-01", "2013-02-01", "2013-03-01"), "2013-04-01")


def test_window_holds_out_a_given_month() -> None:
    assert latest_window(YEAR, 2, "2013-07-01") == TrainingWindow(("2013-05-01", "2013-06-01"), "2013-07-01")


def test_window_crosses_a_year() -> None:
    assert latest_window(["2012-11-01", "2012-12-01", "2013-01-01"], 2).train == ("2012-11-01", "2012-12-01")


@pytest.mark.parametrize(
    ("available", "holdout", "named"),
    [
        ([], "", "any month"),
        (YEAR[:3], "", "2012-12-01"),
        ([*YEAR[:2], YEAR[3]], "", "2013-03-01"),
        (YEAR[:4], "2014-01-01", "2014-01-01"),
        (YEAR[:4], "April", "there is no April"),
    ],
)
def test_window_with_a_gap_names_it(available: list[str], holdout: str, named: str) -> None:
    with pytest.raises(SpecError, match=named):
        latest_window(available, 3, holdout)
