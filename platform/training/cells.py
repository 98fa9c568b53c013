"""What the cells of a team's tables hold: which kinds can be stored, and which of them a model can be given."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from intermodal.platform.protocol.signature import YEARS
from intermodal.platform.training.kinds import POINT_IN_TIME, TENSOR, kind, kinds
from intermodal.platform.training.tensor_cells import holds_tensors, stacked

STORED = frozenset({"text", "number", "boolean", "Decimal", "date", "datetime", "Timestamp", "time", "bytes"})
"""Kinds of objects that come back from Parquet as they were written."""
WIDEST_BYTES = 8
"""The largest number of NumPy's that Parquet has: ``longdouble`` has 16."""
INPUTS = frozenset({"number", "boolean", "text", "nothing", POINT_IN_TIME, TENSOR})
DATE = "Compute a number from it, such as .dt.dayofweek of pd.to_datetime(...)"
NUMBERS = "Convert it with .astype('float64')"
ELEMENTS = "Give each element a column of its own"
REMEDIES: Mapping[str, str] = {
    **dict.fromkeys(("Decimal", "number", "boolean"), NUMBERS),
    **dict.fromkeys(("date", "datetime", "Timestamp"), "Convert it with pd.to_datetime(..., utc=True)"),
    "time": DATE,
    **dict.fromkeys(("set", "dict"), ELEMENTS),
    **dict.fromkeys(("Period", "Interval", "period", "interval", "UUID"), "Convert it with .astype(str)"),
    **dict.fromkeys(("timedelta", "timedelta64", "Timedelta"), "Convert it with .dt.total_seconds()"),
    "bytes": "Convert it with .str.decode('utf-8')",
    "string": "Convert it with .astype(object)",
}


@dataclass(frozen=True)
class Flaw:
    """What is wrong with a column, as the end of a sentence that begins with its name; and what to do about it.
    ``example`` goes on with a value, which is left out for a sensitive column."""

    what: str
    hint: str
    example: str = ""

    def sentence(self, sensitive: bool) -> str:
        return f"{self.what}{'' if sensitive else self.example}."


def unstorable(values: pd.Series) -> Flaw | None:
    """Why Parquet would not give these values back, if it would not."""
    if holds_tensors(values):
        return _odd_tensors(values)
    if pd.api.types.is_object_dtype(values.dtype):
        if flaw := _mixed(values):
            return flaw
        found = kind(values)
        if found not in STORED and found != "nothing":
            return _holds(values, found, f"Store it as text or numbers, for instance with .map({_writer(found)})")
    elif isinstance(values.dtype, np.dtype) and values.dtype.kind in "biufmM" and values.dtype.itemsize <= WIDEST_BYTES:
        return None
    try:
        array = pa.array(values, from_pandas=True)
        if isinstance(values.dtype, pd.ArrowDtype):
            # pandas writes some types of Arrow and cannot read them again: it does not know their names.
            pa.table({"values": array}, pa.Schema.from_pandas(values.head(0).to_frame("values"))).slice(
                0, 0
            ).to_pandas()
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        return Flaw(
            f"cannot be stored as Parquet ({values.dtype})",
            "Convert it to numbers, booleans, dates or text.",
            f": {error}",
        )
    return None


def not_an_input(values: pd.Series) -> Flaw | None:
    """Why no model can be given these values, if none can."""
    if holds_tensors(values):
        return _odd_tensors(values)
    flaw = _mixed(values) if pd.api.types.is_object_dtype(values.dtype) else None
    found = kind(values)
    if flaw is None and (found not in INPUTS or _objects_of(values, found)):
        flaw = _holds(values, found, _remedy(found))
    return flaw or _infinite(values) or _too_large(values) or _out_of_years(values) or unstorable(values)


def not_a_target(values: pd.Series) -> Flaw | None:
    """Why no model can be fitted to these values, if none can: as of inputs, and none may be missing."""
    if missing := int(values.isna().sum()):
        return Flaw(
            f"has no value in {missing} of {len(values)} rows", "Leave rows without a label out of what it returns."
        )
    if kind(values) == POINT_IN_TIME:
        return Flaw("holds points in time, which no model predicts", f"{DATE}, or seconds since a moment.")
    categories = values.dtype.categories if isinstance(values.dtype, pd.CategoricalDtype) else None
    return not_an_input(values if categories is None else pd.Series(categories))


def not_an_id(values: pd.Series) -> Flaw | None:
    """Why these values do not name rows, if they do not."""
    if flaw := unstorable(values):
        return flaw
    present = values.dropna()
    if twice := int(present.duplicated().sum()):
        example = present[present.duplicated()].iloc[0]
        what = f"names {twice} rows with an id of another row"
        return Flaw(what, "Give each row its own id.", f", such as {example!r}")
    return None


def _odd_tensors(values: pd.Series) -> Flaw | None:
    try:
        stacked(values)
    except ValueError as error:
        return Flaw(
            str(error),
            "Give each row a list or array of numbers of one shape and dtype: pad shorter ones, for instance with "
            "zeros. Store what is no tensor as text, for instance with .map(json.dumps).",
        )
    return None


def _objects_of(values: pd.Series, found: str) -> bool:
    """Numbers that pandas keeps as objects: their text would be taken for a category."""
    return pd.api.types.is_object_dtype(values.dtype) and found == "number"


def _mixed(values: pd.Series) -> Flaw | None:
    found = kinds(values.dropna())
    if (other := found[found != found.iloc[0]] if len(found) else found).empty:
        return None
    # Labels of an index may repeat, so rows are found by position.
    position = int(np.flatnonzero(values.notna().to_numpy())[np.flatnonzero((found != found.iloc[0]).to_numpy())[0]])
    return Flaw(
        f"mixes {found.iloc[0]} and {other.iloc[0]}, from row {position}",
        "Convert the whole column, for instance with .astype(str) or pd.to_numeric(...).",
        f": {_short(values.iloc[position])}",
    )


def _holds(values: pd.Series, found: str, remedy: str) -> Flaw:
    position = int(np.argmax(values.notna().to_numpy()))
    objects = "objects of the kind " if pd.api.types.is_object_dtype(values.dtype) else "values of the type "
    return Flaw(
        f"holds {objects}{found}, from row {position}",
        f"{remedy}.",
        f": {_short(values.iloc[position])}",
    )


def _infinite(values: pd.Series) -> Flaw | None:
    if not pd.api.types.is_float_dtype(values.dtype):
        return None
    infinite = np.isinf(values.to_numpy(dtype=float, na_value=np.nan))
    if not infinite.any():
        return None
    return Flaw(
        f"is infinite in {int(infinite.sum())} of {len(values)} rows, first in row {int(np.argmax(infinite))}",
        "Replace it, for instance with .replace([np.inf, -np.inf], np.nan) where a missing value is meant.",
    )


def _too_large(values: pd.Series) -> Flaw | None:
    limit = 2**63 - 1
    if not pd.api.types.is_unsigned_integer_dtype(values.dtype) or not (values > limit).any():
        return None
    return Flaw(f"has integers above {limit}, which INT64 cannot hold", f"{NUMBERS}.")


def _out_of_years(values: pd.Series) -> Flaw | None:
    """Nanoseconds of 64 bits, which the model is given, hold no other years, and the server takes no others."""
    if not pd.api.types.is_datetime64_any_dtype(values.dtype):
        return None
    first, last = YEARS
    outside = (~values.dt.year.between(first, last) & values.notna()).to_numpy(dtype=bool, na_value=False)
    if not outside.any():
        return None
    position = int(np.argmax(outside))
    return Flaw(
        f"has {int(outside.sum())} points in time outside of the years {first} to {last}, first in row {position}",
        "Replace them with pd.NaT where a missing value is meant, or compute numbers from them.",
        f": {values.iloc[position]}",
    )


def _remedy(found: str) -> str:
    category = found.removeprefix("category of ")
    if category != found:
        return "Convert its categories with .cat.rename_categories(str)"
    return REMEDIES.get(found, "Convert it to numbers, booleans or text")


def _writer(found: str) -> str:
    return "json.dumps" if found == "dict" else "str"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
