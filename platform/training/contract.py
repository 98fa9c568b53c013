"""The contract of the data and feature functions: what they return is checked before it is stored."""

import re
from collections.abc import Callable
from typing import Any

import pandas as pd

from intermodal.platform.spec import ModelSpec
from intermodal.platform.training.arrow_tables import NotATable, as_pandas
from intermodal.platform.training.calls import Call
from intermodal.platform.training.cells import Flaw, not_a_target, not_an_id, not_an_input, unstorable

RESERVED = re.compile(r"_(id|label_id|row|at|cloud|target|version)|truth(_\d+)?|prediction_\d+")
"""Columns that gathered predictions have beside the inputs."""

NO_DATA = "Is there data for that {unit}? If not, leave it out of data.partitions or materialize other {unit}s."
NO_FEATURES = "Does a filter or a merge remove all of them?"


def rows_of(spec: ModelSpec, function: Callable[..., Any], partition: str) -> pd.DataFrame:
    """The rows of a partition, with a plain index. SpecError names function, partition and column of what is wrong."""
    divided, unit = spec.data.partitions, spec.data.partitions.unit
    call = Call(function, spec.data.function, f"({unit})", divided.name_of(partition))
    wanted = f"a DataFrame with a row for each example of the {unit}"
    table = _table(call, call(partition), wanted, NO_DATA.format(unit=unit))
    if not _is_plain(table.index):
        names = ", ".join(str(name) for name in table.index.names if name is not None) or "without a name"
        raise call.refused(
            f"returned an index ({names}) that is not stored: the feature function would never see it.",
            "Make it columns with .reset_index(), or drop it with .reset_index(drop=True).",
        )
    for name in table.columns:
        _require_none(call, spec, name, unstorable(table[name]))
    return _plain(table)


def features_of(spec: ModelSpec, function: Callable[..., Any], rows: pd.DataFrame, partition: str) -> pd.DataFrame:
    """The features of a partition's rows, with a plain index. SpecError as of ``rows_of``."""
    call = Call(function, spec.features.function, "(table)", spec.data.partitions.name_of(partition))
    # The function may change its table, so the number of rows is taken before.
    given = len(rows)
    table = _table(call, call(rows), "a DataFrame with the inputs and the target", NO_FEATURES)
    if len(table) > given:
        raise call.refused(
            f"returned {len(table)} rows of {given}.",
            "Return a row for each row it is given, or fewer. Does a merge or an explode multiply rows?",
        )
    check_features(spec, call, table)
    return _plain(table)


def check_features(spec: ModelSpec, call: Call, table: pd.DataFrame) -> None:
    """SpecError if a partition's features lack a column that the spec names, or no model could be given a column."""
    names = [str(name) for name in table.columns]
    named = [*(("target", target) for target in spec.features.targets), ("id", spec.features.id)]
    for field, wanted in named:
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
        _require_none(call, spec, name, not_an_input(table[name]))
    for target in spec.features.targets:
        _require_none(call, spec, target, not_a_target(table[target]))
    if spec.features.id is not None:
        _require_none(call, spec, spec.features.id, not_an_id(table[spec.features.id]))


def _table(call: Call, returned: object, wanted: str, if_empty: str) -> pd.DataFrame:
    try:
        returned = as_pandas(returned)
    except NotATable as error:
        raise call.refused(f"returned {error}.", error.hint) from error
    if not isinstance(returned, pd.DataFrame):
        raise call.returned(returned, wanted)
    if returned.empty:
        columns = f"{returned.shape[1]} columns" if len(returned) == 0 else f"{len(returned)} rows without columns"
        raise call.refused(f"returned no rows ({columns}).", if_empty)
    if odd := [name for name in returned.columns if not _is_text(name)]:
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


def _is_text(name: object) -> bool:
    """Whether a column's name is a text that UTF-8 can write, which half of a surrogate pair is not."""
    return isinstance(name, str) and bool(name.strip()) and name.encode("utf-8", "replace").decode() == name


def _is_plain(index: pd.Index) -> bool:
    """Whether an index only counts rows, as after a filter."""
    return index.nlevels == 1 and index.name is None and pd.api.types.is_integer_dtype(index.dtype)


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    """Without index and ``attrs``: neither is stored, and Parquet fails on ``attrs`` that are not JSON. A category that
    has no categories is an object column, since Parquet would give numbers for it."""
    plain = table.reset_index(drop=True)
    for name in [name for name in plain if _is_empty_category(plain[name])]:
        plain[name] = plain[name].astype(object)
    plain.attrs = {}
    return plain


def _is_empty_category(values: pd.Series) -> bool:
    return isinstance(values.dtype, pd.CategoricalDtype) and values.dtype.categories.empty


def _require_none(call: Call, spec: ModelSpec, column: str, flaw: Flaw | None) -> None:
    """SpecError with the flaw; without a value of a sensitive column, since errors are stored and sent to people."""
    if flaw is not None:
        sentence = flaw.sentence(column in spec.features.sensitive)
        raise call.refused(f"returned a column '{column}' that {sentence}", flaw.hint)
