"""Machines with text that training does not know completely, and sensors that are silent at times."""

import numpy as np
import pandas as pd

ROWS = 200
SITES = ("Aachen", "Łódź", "São Paulo", "東京")


def rows(month: str) -> pd.DataFrame:
    dice = np.random.default_rng(pd.Timestamp(month).month)
    site, heat = dice.choice(SITES, ROWS), dice.normal(60, 10, ROWS)
    model = [f"M{number}" for number in dice.integers(0, 12 + pd.Timestamp(month).month, ROWS)]
    wear = (heat - 60) / 8 + (site == "東京") * 2 + dice.normal(scale=0.5, size=ROWS)
    return pd.DataFrame(
        {
            "site": site,
            "model": np.where(dice.random(ROWS) < 0.1, None, model),
            "heat": np.where(dice.random(ROWS) < 0.15, np.nan, heat),
            "vibration": np.where(dice.random(ROWS) < 0.3, np.nan, dice.gamma(2, 1, ROWS)),
            "age": dice.integers(0, 30, ROWS),
            "fails": np.where(wear > 1, "yes", "no"),
        }
    )


def features(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(model=table["model"].fillna("unknown"))
