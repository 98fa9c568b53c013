"""Parcels: what is written on them, and what they weigh and cost."""

import numpy as np
import pandas as pd

ROWS = 200


def rows(month: str) -> pd.DataFrame:
    dice = np.random.default_rng(pd.Timestamp(month).month)
    width, height = dice.integers(5, 60, ROWS).astype(float), dice.integers(5, 40, ROWS).astype(float)
    express = dice.random(ROWS) < 0.3
    weight = width * height / 200 + dice.normal(scale=0.2, size=ROWS)
    return pd.DataFrame(
        {
            "parcel": [f"{month}-{number}" for number in range(ROWS)],
            "width": width,
            "height": height,
            "express": express,
            "weight": weight,
            "price": 3 + weight * 0.8 + express * 5,
        }
    )


def features(table: pd.DataFrame) -> pd.DataFrame:
    return table
