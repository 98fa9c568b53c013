"""Customers as answers of yes and no, one of which is missing at times."""

import numpy as np
import pandas as pd

ROWS = 200
OFFERS = np.array(["none", "10 % off", "früher Zugang"])


def rows(month: str) -> pd.DataFrame:
    dice = np.random.default_rng(pd.Timestamp(month).month)
    member, mobile, abroad = dice.random((3, ROWS)) < 0.5
    offer = np.where(member & mobile, 2, np.where(abroad, 1, 0))
    noise = dice.random(ROWS) < 0.05
    return pd.DataFrame(
        {
            "member": member,
            "mobile": mobile,
            "abroad": abroad,
            "gift": np.where(dice.random(ROWS) < 0.2, None, dice.random(ROWS) < 0.5),
            "offer": OFFERS[np.where(noise, dice.integers(0, 3, ROWS), offer)],
        }
    )


def features(table: pd.DataFrame) -> pd.DataFrame:
    return table
