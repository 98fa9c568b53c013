"""The contract of the data and feature functions: what they return is checked before it is stored."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from intermodal.platform.errors import SpecError
from intermodal.platform.spec import ModelSpec
from intermodal.platform.training.calls import Call, month_name
from intermodal.platform.training.cells import Flaw, kind, not_a_target, not_an_id, not_an_input, unstorable

RESERVED = re.compile(r"_(id|label_id|row|at|cloud|target|version)|truth|prediction_\d+")
"""Columns that gathered predictions have beside the inputs."""


def rows_of(spec: ModelSpec, function: Callable[..., Any], partition: str) -> pd.DataFrame:
    """The rows of a month, with a plain index. SpecError names function, month and column of what is wrong."""
    call = Call(function, spec.data.function, "(month)", month_name(partition))
    table = _table(call, call(partition), "a DataFrame with a row for each example of the month")
    if not _is_plain(table.index):
        names = ", ".join(str(name) for name in table.index.names if name is not None) or "without a name"
        raise call.refused(
            f"returned an index ({names}) that is not stored: the feature function would never see it.",
            "Make it columns with .reset_index(), or drop it with .reset_index(drop=True).",
        )
    for name in table.columns:
        _require_none(call, name, unstorable(table[name]))
    return _plain(table)


def features_of(spec: ModelSpec, function: Callable[..., Any], rows: pd.DataFrame, partition: str) -> pd.DataFrame:
    """The features of a month's rows, with a plain index. SpecError as of ``rows_of``."""
    call = Call(function, spec.features.function, "(table)", month_name(partition))
    # The function may change its table, so the number of rows is taken before.
    given = len(rows)
    table = _table(call, call(rows), "a DataFrame with the inputs and the target")
    if len(table) > given:
        raise call.refused(
            f"returned {len(table)} rows of {given}.",
            "Return a row for each row it is given, or fewer. Does a merge or an explode multiply rows?",
        )
    _check_features(spec, call, table)
    return _plain(table)


def check_months(spec: ModelSpec, months: Mapping[str, pd.DataFrame], function: Callable[..., Any]) -> None:
    """SpecError if stored months of features cannot be trained on together: a column is absent in some of them, or
    holds another kind of values. Each month is checked too, because an earlier release may have stored it."""
    first, kinds = "", dict[str, str]()
    found_in = dict[str, str]()
    for partition, table in months.items():
        month = month_name(partition)
        call = Call(function, spec.features.function, "(table)", month)
        _check_features(spec, call, table)
        found = {str(name): kind(table[name]) for name in table.columns}
        if first and (apart := sorted(found.keys() ^ kinds.keys())):
            has, lacks = (month, first) if apart[0] in found else (first, month)
            raise call.refused(
                f"and the other months do not agree: '{apart[0]}' is a column in {has} and not in {lacks}.",
                f"Return the same columns in each month, then materialize {spec.name}/features of these months again.",
            )
        for name, here in found.items():
            before = kinds.get(name, here)
            if {before, here} not in ({here}, {"text", "nothing"}):
                raise call.refused(
                    f"and the other months do not agree: column '{name}' is {here} in {month} and {before} in "
                    f"{found_in[name]}.",
                    f"Convert it to the same type in each month; a column without values with .astype('float64'). Then "
                    f"materialize {spec.name}/features again.",
                )
            if name not in kinds or before == "nothing":
                kinds[name], found_in[name] = here, month
        first = first or month
    if empty := [name for name, found in kinds.items() if found == "nothing"]:
        raise SpecError(
            f"{spec.features.function}: column '{empty[0]}' has no value in {', '.join(map(month_name, months))}.",
            hint="Drop it, or convert it with .astype('float64') if it is a number.",
        )


def _check_features(spec: ModelSpec, call: Call, table: pd.DataFrame) -> None:
    names = [str(name) for name in table.columns]
    for field, wanted in (("target", spec.features.target), ("id", spec.features.id)):
        if wanted is not None and wanted not in names:
            index = " It is the index: add .reset_index()." if wanted in table.index.names else ""
            raise call.refused(
                f"returned no column '{wanted}', which the spec names as features.{field}.",
                f"It returned {', '.join(names)}; correct the function or features.{field}.{index}",
            )
    inputs = [name for name in names if name not in spec.features.not_inputs]
    if not inputs:
        raise call.refused("returned no inputs beside the target.", "Return at least one column that is an input.")
    if reserved := [name for name in inputs if RESERVED.fullmatch(name)]:
        raise call.refused(
            f"returned the column '{reserved[0]}', a name that logged predictions use.", "Give it another name."
        )
    for name in inputs:
        _require_none(call, name, not_an_input(table[name]))
    _require_none(call, spec.features.target, not_a_target(table[spec.features.target]))
    if spec.features.id is not None:
        _require_none(call, spec.features.id, not_an_id(table[spec.features.id]))


def _table(call: Call, returned: object, wanted: str) -> pd.DataFrame:
    if not isinstance(returned, pd.DataFrame):
        raise call.returned(returned, wanted)
    if returned.empty:
        columns = f"{returned.shape[1]} columns" if len(returned) == 0 else f"{len(returned)} rows without columns"
        raise call.refused(
            f"returned no rows ({columns}).",
            "Is there data for that month? If not, leave it out of data.partitions or materialize other months.",
        )
    if odd := [name for name in returned.columns if not isinstance(name, str) or not name.strip()]:
        raise call.refused(
            f"returned the column {odd[0]!r}, whose name is no text.",
            "Name each column with a text.",
        )
    if twice := returned.columns[returned.columns.duplicated()].tolist():
        raise call.refused(
            f"returned the column '{twice[0]}' {returned.columns.tolist().count(twice[0])} times.",
            "Return each column once. Does a merge or a concat repeat it?",
        )
    return returned


def _is_plain(index: pd.Index) -> bool:
    """Whether an index only counts rows, as after a filter."""
    return index.nlevels == 1 and index.name is None and pd.api.types.is_integer_dtype(index.dtype)


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    """Without index and ``attrs``: neither is stored, and Parquet fails on ``attrs`` that are not JSON."""
    plain = table.reset_index(drop=True)
    plain.attrs = {}
    return plain


def _require_none(call: Call, column: str, flaw: Flaw | None) -> None:
    if flaw is not None:
        raise call.refused(f"returned a column '{column}' that {flaw.what}", flaw.hint)
