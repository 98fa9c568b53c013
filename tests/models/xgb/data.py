"""Subscribers, made from the month's number."""

import numpy as np
import pandas as pd

ROWS = 200
PLANS = ("basic", "family", "student")
REGIONS = ("east", "north", "south", "west")


def rows(month: str) -> pd.DataFrame:
    dice = np.random.default_rng(pd.Timestamp(month).month)
    plan, days = dice.choice(PLANS, ROWS), dice.integers(1, 900, ROWS)
    risk = (plan == "student") * 1.5 - days / 300 + dice.normal(scale=0.7, size=ROWS)
    return pd.DataFrame(
        {
            "subscriber": [f"{month}-{number}" for number in range(ROWS)],
            "plan": plan,
            "region": np.where(dice.random(ROWS) < 0.1, None, dice.choice(REGIONS, ROWS)),
            "days": days,
            "minutes": np.where(dice.random(ROWS) < 0.2, np.nan, dice.gamma(2, 30, ROWS)),
            "income": dice.normal(40_000, 8_000, ROWS).round(),
            "cancels": (risk > -1).astype(int),
        }
    )


def features(table: pd.DataFrame) -> pd.DataFrame:
    return table.astype({"plan": "category", "region": "category", "minutes": "float32"})
