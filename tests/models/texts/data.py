"""Messages to a help desk. Each occurs once, and some are in other scripts."""

import numpy as np
import pandas as pd

ROWS = 200
WORDS = {
    "billing": ("invoice", "refund", "charged", "Überweisung", "card"),
    "delivery": ("parcel", "late", "driver", "доставка", "address"),
    "returns": ("broken", "size", "exchange", "返品", "label"),
}
COMMON = ("please", "my", "order", "the", "again", "thanks", "😀")


def rows(month: str) -> pd.DataFrame:
    dice = np.random.default_rng(pd.Timestamp(month).month)
    teams = dice.choice(list(WORDS), ROWS)
    texts = [" ".join([*dice.choice(WORDS[team], 3), *dice.choice(COMMON, 4)]) for team in teams]
    return pd.DataFrame(
        {
            "message_id": [f"{month}-{number}" for number in range(ROWS)],
            "message": [f'{text} "{number}"' for number, text in enumerate(texts)],
            "team": teams,
        }
    )


def features(table: pd.DataFrame) -> pd.DataFrame:
    return table
