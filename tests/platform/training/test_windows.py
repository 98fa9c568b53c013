"""Which partitions are trained on."""

from typing import Any

import pytest

from intermodal.platform.errors import SpecError
from intermodal.platform.spec.partitions import Months, Partitions
from intermodal.platform.training.windows import TrainingWindow, first_range, is_newer, latest_window

MONTHLY = Partitions(monthly=Months(start="2010-01"))
YEAR = [f"2013-{month:02d}-01" for month in range(1, 13)]


def test_window_holds_out_the_newest_month() -> None:
    assert latest_window(MONTHLY, YEAR[:4], 3) == TrainingWindow(
        ("2013-01-01", "2013-02-01", "2013-03-01"), "2013-04-01"
    )


def test_window_holds_out_a_given_month() -> None:
    assert latest_window(MONTHLY, YEAR, 2, "2013-07-01") == TrainingWindow(("2013-05-01", "2013-06-01"), "2013-07-01")


def test_window_crosses_a_year() -> None:
    assert latest_window(MONTHLY, ["2012-11-01", "2012-12-01", "2013-01-01"], 2).train == ("2012-11-01", "2012-12-01")


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
        latest_window(MONTHLY, available, 3, holdout)


def _of(**kind: Any) -> Partitions:
    return Partitions.model_validate(kind)


DAILY, WEEKLY = _of(daily={"start": "2024-02-27"}), _of(weekly={"start": "2024-02-19"})
HOURLY, STATIC, DYNAMIC = _of(hourly={"start": "2024-02-29-22:00"}), _of(static=["z", "a", "m/n"]), _of(dynamic=True)
ADDED = ["second", "10", "9"]


@pytest.mark.parametrize(
    ("partitions", "present", "window"),
    [
        (DAILY, ["2024-03-01", "2024-02-28", "2024-02-29"], (("2024-02-28", "2024-02-29"), "2024-03-01")),
        (WEEKLY, ["2024-02-19", "2024-03-04", "2024-02-26"], (("2024-02-19", "2024-02-26"), "2024-03-04")),
        (
            HOURLY,
            ["2024-02-29-22:00", "2024-02-29-23:00", "2024-03-01-00:00"],
            (("2024-02-29-22:00", "2024-02-29-23:00"), "2024-03-01-00:00"),
        ),
        (STATIC, ["a", "m/n", "z"], (("z", "a"), "m/n")),
        (DYNAMIC, ["10", "9", "second"], (("second", "10"), "9")),
    ],
)
def test_window_of_each_kind_is_in_its_order(partitions: Partitions, present: list[str], window: Any) -> None:
    assert latest_window(partitions, present, 2, added=ADDED) == TrainingWindow(*window)
    assert is_newer(partitions, present, window[0][1], ADDED)
    assert not is_newer(partitions, present, window[1], ADDED)


@pytest.mark.parametrize(
    ("partitions", "present", "holdout", "named"),
    [
        (DAILY, ["2024-02-28", "2024-03-01"], "", "there is no 2024-02-28, 2024-02-29|there is no 2024-02-29"),
        (WEEKLY, ["2024-02-19", "2024-03-04"], "", "2 weeks .* there is no 2024-02-26"),
        (HOURLY, [], "", "2 hours .* any hour"),
        (STATIC, ["z", "m/n"], "", "2 partitions .* there is no a"),
        (STATIC, ["z", "a"], "", "no 2. partition before a"),
        (DYNAMIC, ["9", "second"], "", "there is no 10"),
        (DYNAMIC, ["gone"], "", "any partition"),
    ],
)
def test_window_of_each_kind_names_its_gap(
    partitions: Partitions, present: list[str], holdout: str, named: str
) -> None:
    with pytest.raises(SpecError, match=named):
        latest_window(partitions, present, 2, holdout, ADDED)


def test_window_ignores_partitions_of_another_cadence() -> None:
    present = ["2024-02-27", "2024-02-28", "2024-02-29", "north", "2024-03-01-13:00"]
    assert latest_window(DAILY, present, 2).holdout == "2024-02-29"
    assert DAILY.newest(present) == "2024-02-29"


@pytest.mark.parametrize(
    ("partitions", "keys", "found"),
    [
        (DAILY, (), ("2024-02-27", "2024-02-29")),
        (HOURLY, (), ("2024-02-29-22:00", "2024-03-01-00:00")),
        (STATIC, (), ("z", "m/n")),
        (DYNAMIC, ADDED, ("second", "9")),
        (DYNAMIC, ADDED[:2], None),
    ],
)
def test_first_range_is_of_so_many_partitions(partitions: Partitions, keys: list[str], found: Any) -> None:
    assert first_range(partitions, 3, keys) == found
