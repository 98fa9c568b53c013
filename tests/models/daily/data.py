"""Ferry departures of a day, as a table of Arrow: points in time with gaps, nullable numbers and a category."""

import numpy as np
import pandas as pd
import pyarrow as pa

ROWS = 200


def rows(day: str) -> pa.Table:
    start = pd.Timestamp(day)
    dice = np.random.default_rng(start.dayofyear)
    departure = start + pd.to_timedelta(dice.integers(0, 86_400, ROWS), unit="s")
    gap = np.arange(ROWS) % 10 == 3
    waiting = 20 + 10 * np.sin(departure.hour.to_numpy() / 24 * 2 * np.pi) + dice.normal(scale=1, size=ROWS)
    cars = dice.integers(0, 40, ROWS)
    return pa.table(
        {
            "departure": pa.array(departure.to_numpy(), pa.timestamp("us")),
            "sailed": pa.array(departure.to_numpy(), pa.timestamp("us", "America/New_York"), mask=gap),
            "cars": pa.array(cars, pa.int32(), mask=gap),
            "holiday": pa.array(cars % 2 == 0, pa.bool_(), mask=gap),
            "pier": pa.array(np.array(["north", "south"])[cars % 2]).dictionary_encode(),
            "waiting": pa.array(waiting + 0.1 * cars),
        }
    )


def features(table: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(table, preserve_index=False)
