"""Appointments in the types of pandas that hold missing values."""

import numpy as np
import pandas as pd

ROWS = 200
DOCTORS = ("Ada", "Grace", "Rosalind")


def rows(month: str) -> pd.DataFrame:
    dice = np.random.default_rng(pd.Timestamp(month).month)
    days, missed, doctor = dice.integers(0, 60, ROWS), dice.integers(0, 5, ROWS), dice.choice(DOCTORS, ROWS)
    chance = 2 - days / 20 - missed / 2 + dice.normal(scale=0.4, size=ROWS)

    def gaps(values: np.ndarray, dtype: str, every: int) -> pd.Series:
        return pd.Series(values).astype(dtype).mask(pd.Series(np.arange(ROWS) % every == 1))

    return pd.DataFrame(
        {
            "days": gaps(days, "Int64", 7),
            "missed": gaps(missed, "UInt8", 8),
            "reminded": gaps(dice.random(ROWS) < 0.5, "boolean", 6),
            "distance": gaps(dice.gamma(2, 4, ROWS), "Float32", 9),
            "doctor": gaps(doctor, "string", 5),
            "first": pd.Series(dice.random(ROWS) < 0.3).astype("boolean"),
            "comes": (chance > 0).astype(int),
        }
    )


def features(table: pd.DataFrame) -> pd.DataFrame:
    return table
