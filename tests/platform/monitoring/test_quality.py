"""Data quality: each finding when there is something to see, and none when there is not."""

import numpy as np
import pandas as pd
import pytest

from intermodal.platform.monitoring.counts import count
from intermodal.platform.monitoring.quality import QualityFinding, findings
from intermodal.platform.training.dataframes import columns_of, typed
from intermodal.platform.training.profile import Profile, profile_of

RANDOM = np.random.default_rng(0)
TRAINING = pd.DataFrame(
    {
        "temp": np.where(RANDOM.random(2000) < 0.02, np.nan, RANDOM.uniform(0, 30, 2000)),
        "carrier": RANDOM.choice(["AA", "UA"], 2000),
        "always": 1.0,
    }
)
COLUMNS = columns_of(TRAINING)
PROFILE = Profile.from_dict(profile_of(typed(TRAINING, COLUMNS), COLUMNS, np.zeros(2000)))
ROWS = TRAINING.head(500)


def found(rows: pd.DataFrame) -> tuple[QualityFinding, ...]:
    return findings(PROFILE, count(PROFILE, rows, np.zeros(len(rows)), COLUMNS))


def with_share(column: str, value: object, share: float) -> pd.DataFrame:
    rows = ROWS.copy()
    rows.loc[: int(share * 500) - 1, column] = value
    return rows


def test_findings_of_training_rows_are_none() -> None:
    assert found(ROWS) == ()
    assert found(ROWS.head(0)) == ()


@pytest.mark.parametrize(
    ("rows", "kind", "words"),
    [
        (ROWS.drop(columns="temp"), "absent", "temp is absent from 100% of the rows."),
        (with_share("temp", np.nan, 0.2), "missing", "in training in 2."),
        (with_share("carrier", "ZZ", 0.1), "new category", "10.0% of the rows have a value of carrier"),
        (with_share("temp", 99.0, 0.1), "out of range", "outside of the training range"),
        (ROWS.assign(temp=7.0), "constant", "temp is always 7; in training it varied."),
        (ROWS.assign(carrier="AA"), "constant", "carrier is always 'AA'"),
    ],
)
def test_findings_have_one_for_each_fault(rows: pd.DataFrame, kind: str, words: str) -> None:
    (finding,) = found(rows)
    assert finding.kind == kind
    assert words in finding.text


@pytest.mark.parametrize(
    "rows",
    [
        with_share("temp", np.nan, 0.04),
        with_share("carrier", "ZZ", 0.01),
        with_share("temp", 99.0, 0.01),
        with_share("temp", np.nan, 1.0).head(99),
    ],
)
def test_findings_of_a_few_unusual_rows_are_none(rows: pd.DataFrame) -> None:
    assert found(rows) == ()


def test_findings_name_few_new_categories() -> None:
    rows = ROWS.assign(carrier=[f"new-{k:03d}" for k in range(500)])
    (finding,) = found(rows)
    assert finding.share == 1
    assert finding.text.endswith("new-000, new-001, new-002, new-003, new-004, ....")
