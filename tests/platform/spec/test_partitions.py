"""How a spec divides rows: which texts are keys, and what is refused."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from intermodal.platform.spec.cadences import CADENCES, Cadence
from intermodal.platform.spec.partitions import Partitions
from tests.sensors.support import spec

ANY_CADENCE = st.sampled_from(list(CADENCES.values()))


@pytest.mark.parametrize(
    ("partitions", "words"),
    [
        ({}, "no kind given: give one of monthly, weekly"),
        ({"dynamic": False}, "no kind given"),
        ({"monthly": {"start": "2024-01"}, "dynamic": True}, "monthly and dynamic given"),
        ({"monthly": {"start": "2024-01-01"}}, "'2024-01-01' is not a month: write it as 2013-01, in quotes"),
        ({"monthly": {"start": "2024-13"}}, "is not a month"),
        ({"monthly": {}}, "Field required"),
        ({"daily": {"start": "2024-1-5"}}, "'2024-1-5' is not a day: write it as 2013-01-31, in quotes"),
        ({"daily": {"start": "2024-02-30"}}, "is not a day"),
        ({"daily": {"start": "2024-02-01", "end": "2024-01-31"}}, "end .2024-01-31. is before start"),
        ({"weekly": {"start": "2024-01-03"}}, "no Monday, and weeks begin on Mondays: write 2024-01-01"),
        ({"hourly": {"start": "2024-01-31"}}, "is not an hour: write it as 2013-01-31-13:00"),
        ({"hourly": {"start": "2024-01-31-13:30"}}, "is not an hour"),
        ({"static": ["a", "b", "a"]}, "'a' is listed twice"),
        ({"static": ["a", " "]}, "names no partition"),
        ({"static": ["a...b"]}, "names no partition"),
        ({"static": ["a\nb"]}, "names no partition"),
        ({"static": ["a" * 61]}, "more than 60 bytes"),
    ],
)
def test_partitions_with_a_defect_say_how_to_write_them(partitions: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Partitions.model_validate(partitions)


def test_static_partitions_too_few_for_the_window_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"data.partitions.static has 3 keys, and training needs 4"):
        spec("m", data={"function": "data.rows", "partitions": {"static": ["a", "b", "c"]}})


@given(ANY_CADENCE, st.datetimes(datetime(1950, 1, 1), datetime(2090, 1, 1)), st.integers())
def test_cadence_keys_follow_each_other_and_sort_as_time(cadence: Cadence, moment: datetime, by: int) -> None:
    moment, by = moment.replace(tzinfo=UTC), by % 100
    key = cadence.key_at(moment)
    assert cadence.is_key(key)
    assert cadence.begin(key) <= moment < cadence.end(key) <= cadence.begin(key) + cadence.longest
    assert cadence.shift(cadence.shift(key, by), -by) == key
    assert (cadence.shift(key, by) > key) == (by > 0)
    assert cadence.key_at(cadence.end(key) - timedelta(seconds=1)) == key


@given(ANY_CADENCE, st.text(max_size=18))
def test_cadence_takes_no_other_text_for_a_key(cadence: Cadence, text: str) -> None:
    assert not cadence.is_key(text) or cadence.key_at(cadence.begin(text)) == text
