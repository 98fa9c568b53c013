"""Parts that may have answers to the same request, and what of them goes."""

import pandas as pd
import pytest

from intermodal.platform.monitoring.log_dedup import MAX_ANSWER_GAP_SECONDS, adjacent_parts, drop_seen
from intermodal.platform.monitoring.predictions import AT, ID, PART_MINUTES, ROW, part_of, parts

SPAN = PART_MINUTES * 60
START = 1_795_000_200 // SPAN * SPAN
BEFORE, PART, AFTER = (part_of(START + offset * SPAN) for offset in (-1, 0, 1))


def rows(*moments: float) -> pd.DataFrame:
    return pd.DataFrame({ID: [f"r{second}" for second in moments], ROW: 0, AT: [START + second for second in moments]})


@pytest.mark.parametrize(
    ("moments", "found"),
    [
        ([0], {PART: BEFORE}),
        ([MAX_ANSWER_GAP_SECONDS - 1], {PART: BEFORE}),
        ([MAX_ANSWER_GAP_SECONDS, SPAN - MAX_ANSWER_GAP_SECONDS - 1], {}),
        ([SPAN - MAX_ANSWER_GAP_SECONDS], {AFTER: PART}),
        ([0, SPAN - 1], {PART: BEFORE, AFTER: PART}),
        ([150, SPAN - 1, SPAN + 150], {AFTER: PART}),
        ([150, SPAN + 1], {AFTER: PART}),
    ],
)
def test_adjacent_parts_are_those_with_rows_near_a_border(moments: list[float], found: dict[str, str]) -> None:
    assert adjacent_parts(parts(rows(*moments))) == found


def test_answer_gap_is_less_than_a_part() -> None:
    assert MAX_ANSWER_GAP_SECONDS < SPAN


def test_drop_seen_drops_rows_of_the_part_before() -> None:
    before = pd.DataFrame({ID: ["a", "a", "b"], ROW: [0, 1, 0], AT: 1.0})
    part = pd.DataFrame({ID: ["c", "a", "a", "b"], ROW: [0, 1, 2, 1], AT: 2.0})
    left = drop_seen(part, before)
    assert left[[ID, ROW]].to_numpy().tolist() == [["c", 0], ["a", 2], ["b", 1]]
    assert left.index.tolist() == [0, 1, 2]
    assert drop_seen(part, before.iloc[:0]).equals(part)
