"""Branches of a bank, and their turnover in cents."""

import numpy as np
import pandas as pd

ROWS = 200


def rows(month: str) -> pd.DataFrame:
    dice = np.random.default_rng(pd.Timestamp(month).month)
    staff, till = dice.integers(1, 40, ROWS), dice.gamma(3, 1e6, ROWS)
    turnover = 1e9 + 5e7 * staff + 20 * till + dice.normal(scale=1e6, size=ROWS)
    return pd.DataFrame({"staff": staff, "till": till, "turnover": turnover.round().astype("int64")})


def features(table: pd.DataFrame) -> pd.DataFrame:
    return table
