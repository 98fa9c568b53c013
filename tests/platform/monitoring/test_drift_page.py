"""The page that Evidently draws: it names every column, hides what is sensitive, and fetches nothing."""

import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from intermodal.platform.errors import MissingExtra, SpecError
from intermodal.platform.monitoring import drift_page
from intermodal.platform.training.dataframes import columns_of


def rows(count: int, shift: float) -> pd.DataFrame:
    random = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "temperature": np.where(random.random(count) < 0.1, np.nan, random.normal(shift, 1, count)),
            "departure_hour": random.integers(0, 24, count),
            "is_night": random.random(count) < 0.3,
            "carrier": random.choice(["AA", "UA", None], count),
            "tailnum": random.choice(["N-secret-1", "N-secret-2"], count),
            "never_known": np.nan,
            "remark": [f"remark {number}" for number in range(count)],
            "prediction_0": random.random(count),
        }
    )


REFERENCE, CURRENT = rows(300, 0), rows(200, 2).assign(carrier="New")
COLUMNS = columns_of(REFERENCE.drop(columns="prediction_0").astype({"carrier": "category", "tailnum": "category"}))


@pytest.fixture(scope="module")
def page() -> str:
    decision = ["Drifted: 1 of 4 inputs <b>moved</b>."]
    return drift_page.html(
        REFERENCE, CURRENT, COLUMNS, title="flight_delay 1.0.0", decision=decision, sensitive=["tailnum"], rows=100
    )


def test_page_names_each_column_and_the_decision(page: str) -> None:
    for name in ("temperature", "departure_hour", "is_night", "carrier", "prediction_0"):
        assert f'"{name}"' in page or f">{name}<" in page, name
    assert "<h1>flight_delay 1.0.0</h1>" in page
    assert "Drifted: 1 of 4 inputs &lt;b&gt;moved&lt;/b&gt;." in page
    assert "Not drawn, because they are free text or one side has no values: never_known, remark." in page


def test_page_has_the_number_of_rows(page: str) -> None:
    assert "from 100 of 200 current rows and 100 of 300 rows of training" in page


def test_page_leaves_out_sensitive_columns(page: str) -> None:
    assert "tailnum" not in page
    assert "N-secret" not in page


def test_page_leaves_out_unseen_texts(page: str) -> None:
    assert '"New"' not in page
    assert drift_page.UNSEEN_CATEGORY in page
    assert "remark 1" not in page


def test_page_fetches_nothing(page: str) -> None:
    assert not re.search(r"<(script|img|iframe|link)\b[^>]*\b(src|href)\s*=", page)
    assert not re.search(r"(@import|url\()\s*['\"]?https?:", page)
    assert "default-src 'none'" in page.split("<script", 1)[0]


def test_page_of_the_same_rows_has_the_same_sample() -> None:
    drawn = [drift_page._sampled(REFERENCE, COLUMNS[:2], 50) for _ in range(2)]
    assert drawn[0].equals(drawn[1])
    assert len(drawn[0]) == 50


def test_page_without_columns_is_refused() -> None:
    with pytest.raises(SpecError, match="no column to draw"):
        drift_page.html(REFERENCE, CURRENT.head(0), COLUMNS)


def test_page_without_evidently_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "evidently", None)
    with pytest.raises(MissingExtra, match=r"intermodal\[watch\]"):
        drift_page.html(REFERENCE, CURRENT, COLUMNS)


def test_evidently_has_no_telemetry_in_reports() -> None:
    """In a process of its own: its telemetry is not even imported, and switched off."""
    program = """
import os, sys
import pandas as pd
from intermodal.platform.monitoring import drift_page
from intermodal.platform.protocol.signature import Column
os.environ.pop("DO_NOT_TRACK", None)
table = pd.DataFrame({"x": range(50)})
drift_page.html(table, table, [Column("x", "INT64")])
print("evidently.telemetry" in sys.modules, os.environ["DO_NOT_TRACK"])
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100)
    assert ran.stdout.split() == ["False", "1"], ran.stderr
