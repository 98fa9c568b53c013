"""Whether partitions of features can be trained on together."""

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from intermodal.platform.errors import SpecError
from intermodal.platform.spec import ModelSpec
from intermodal.platform.training.calls import Call
from intermodal.platform.training.contract import check_features
from intermodal.platform.training.estimators import Target
from intermodal.platform.training.kinds import POINT_IN_TIME, TENSOR, kind
from intermodal.platform.training.tensor_cells import holds_tensors, stacked


def check_partitions(spec: ModelSpec, tables: Mapping[str, pd.DataFrame], function: Callable[..., Any]) -> None:
    """SpecError if a column is absent in some partitions, holds another kind of values in some, or none in any.

    Each partition is checked by itself too, because an earlier release may have stored it.
    """
    known = dict[str, tuple[str, str]]()
    unit, name_of = spec.data.partitions.unit, spec.data.partitions.name_of
    for key, table in tables.items():
        partition = name_of(key)
        call = Call(function, spec.features.function, "(table)", partition)
        check_features(spec, call, table)
        found = {str(name): (_kind(table[name]), partition) for name in table.columns if name != spec.features.id}
        if known:
            _require_same_columns(spec, call, found, known)
        for name, (here, _) in found.items():
            before, earlier = known.get(name, (here, partition))
            if {here, before} not in ({here}, {"text", "nothing"}):
                raise call.refused(
                    f"and other {unit}s do not agree: column '{name}' is {here} in {partition} and {before} in "
                    f"{earlier}.",
                    f"{_remedy(unit, here, before)} Then materialize {spec.name}/features again.",
                )
        known |= {name: value for name, value in found.items() if known.get(name, ("nothing",))[0] == "nothing"}
    if empty := [name for name, (found_kind, _) in known.items() if found_kind == "nothing"]:
        raise SpecError(
            f"{spec.features.function}: column '{empty[0]}' has no value in {', '.join(map(name_of, tables))}.",
            hint="Drop it, or convert it with .astype('float64') if it is a number.",
        )


def constant_columns(inputs: pd.DataFrame, target: Target) -> tuple[str, ...]:
    """A sentence for each column that has one value in every row of the window: a model can be fitted, and learns
    nothing from it. The value is not quoted, since it may be sensitive. Tensors are not looked at."""
    targets = target.to_frame() if isinstance(target, pd.Series) else target
    what = {f"The column '{name}'": values for name, values in inputs.items() if not holds_tensors(values)}
    what |= {f"The target '{name}'": values for name, values in targets.items()} if targets is not None else {}
    return tuple(
        f"{name} has the same value in every row of the training window: correct the feature function, drop it, or "
        "widen train.window."
        for name, values in what.items()
        if _comparable(values).nunique(dropna=False) == 1
    )


def _comparable(values: pd.Series) -> pd.Series:
    """Arrow finds the different values of most of its types, and not of half-precision numbers."""
    return values.astype(object) if isinstance(values.dtype, pd.ArrowDtype) else values


def _kind(values: pd.Series) -> str:
    """As ``kind``, for tensors with their dtype and shape. Points in time without a zone would be taken for UTC, beside
    those of a partition that has one."""
    found = kind(values)
    if found == TENSOR:
        array = stacked(values)
        return f"{TENSOR} of {array.dtype} {list(array.shape[1:])}"
    zoned = found == POINT_IN_TIME and getattr(values.dt, "tz", None) is not None
    return f"{found} with a time zone" if zoned else found


def _remedy(unit: str, here: str, before: str) -> str:
    if here.startswith(POINT_IN_TIME) and before.startswith(POINT_IN_TIME):
        return f"Give it a time zone in each {unit}, with .dt.tz_localize(...)."
    return f"Convert it to the same type in each {unit}, a column without values with .astype('float64')."


def _require_same_columns(
    spec: ModelSpec, call: Call, found: Mapping[str, tuple[str, str]], known: Mapping[str, tuple[str, str]]
) -> None:
    if not (apart := sorted(found.keys() ^ known.keys())):
        return
    unit = spec.data.partitions.unit
    here, before = (next(partition for _, partition in columns.values()) for columns in (found, known))
    has, lacks = (here, before) if apart[0] in found else (before, here)
    raise call.refused(
        f"and other {unit}s do not agree: '{apart[0]}' is a column in {has} and not in {lacks}.",
        f"Return the same columns in each {unit}, then materialize {spec.name}/features of these {unit}s again.",
    )
