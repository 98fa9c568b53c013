"""Bicycle trips by the minute of departure: local time with a zone, a time without one, and a time in UTC."""

import numpy as np
import pandas as pd

ROWS = 200
ZONE = "America/New_York"


def rows(month: str) -> pd.DataFrame:
    start = pd.Timestamp(month)
    dice = np.random.default_rng(start.month)
    seconds = dice.integers(0, start.days_in_month * 86400, ROWS)
    departure = pd.Series(start.tz_localize("UTC") + pd.to_timedelta(seconds, unit="s"))
    hour = departure.dt.tz_convert(ZONE).dt.hour
    booked = departure - pd.to_timedelta(dice.integers(60, 90_000, ROWS), unit="s")
    return pd.DataFrame(
        {
            "departure": departure,
            "booked": booked.where(dice.random(ROWS) > 0.2),
            "trips": 20 + 10 * np.sin(hour / 24 * 2 * np.pi) + dice.normal(scale=1, size=ROWS),
        }
    )


def features(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(
        departure=table["departure"].dt.tz_convert(ZONE),
        booked=table["booked"].dt.tz_localize(None),
        renewed=table["departure"].dt.floor("D"),
    )
