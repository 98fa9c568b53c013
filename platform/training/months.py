"""Whether months of features can be trained on together."""

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from intermodal.platform.errors import SpecError
from intermodal.platform.spec import ModelSpec
from intermodal.platform.training.calls import Call, month_name
from intermodal.platform.training.cells import POINT_IN_TIME, kind
from intermodal.platform.training.contract import check_features


def check_months(spec: ModelSpec, months: Mapping[str, pd.DataFrame], function: Callable[..., Any]) -> None:
    """SpecError if a column is absent in some months, holds another kind of values in some, or none in any.

    Each month is checked by itself too, because an earlier release may have stored it.
    """
    known = dict[str, tuple[str, str]]()
    for partition, table in months.items():
        month = month_name(partition)
        call = Call(function, spec.features.function, "(table)", month)
        check_features(spec, call, table)
        found = {str(name): (_kind(table[name]), month) for name in table.columns if name != spec.features.id}
        if known:
            _require_same_columns(spec, call, found, known)
        for name, (here, _) in found.items():
            before, earlier = known.get(name, (here, month))
            if {here, before} not in ({here}, {"text", "nothing"}):
                raise call.refused(
                    f"and other months do not agree: column '{name}' is {here} in {month} and {before} in {earlier}.",
                    f"{_remedy(here, before)} Then materialize {spec.name}/features again.",
                )
        known |= {name: value for name, value in found.items() if known.get(name, ("nothing",))[0] == "nothing"}
    if empty := [name for name, (found_kind, _) in known.items() if found_kind == "nothing"]:
        raise SpecError(
            f"{spec.features.function}: column '{empty[0]}' has no value in {', '.join(map(month_name, months))}.",
            hint="Drop it, or convert it with .astype('float64') if it is a number.",
        )


def _kind(values: pd.Series) -> str:
    """As ``kind``. Points in time without a zone would be taken for UTC, beside those of a month that has one."""
    found = kind(values)
    zoned = found == POINT_IN_TIME and getattr(values.dt, "tz", None) is not None
    return f"{found} with a time zone" if zoned else found


def _remedy(here: str, before: str) -> str:
    if here.startswith(POINT_IN_TIME) and before.startswith(POINT_IN_TIME):
        return "Give it a time zone in each month, with .dt.tz_localize(...)."
    return "Convert it to the same type in each month, a column without values with .astype('float64')."


def _require_same_columns(
    spec: ModelSpec, call: Call, found: Mapping[str, tuple[str, str]], known: Mapping[str, tuple[str, str]]
) -> None:
    if not (apart := sorted(found.keys() ^ known.keys())):
        return
    here, before = (next(month for _, month in columns.values()) for columns in (found, known))
    has, lacks = (here, before) if apart[0] in found else (before, here)
    raise call.refused(
        f"and other months do not agree: '{apart[0]}' is a column in {has} and not in {lacks}.",
        f"Return the same columns in each month, then materialize {spec.name}/features of these months again.",
    )
