"""Rows of any version of FOCUS as canonical rows, with what they lack."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from intermodal.platform.cost.focus.columns import COLUMNS, COSTS, CUSTOM_PREFIX, SCHEMA, Feature, Kind
from intermodal.platform.cost.focus.currencies import CURRENCIES
from intermodal.platform.cost.focus.values import blank_as_null, decimals, times
from intermodal.platform.cost.focus.version import Version
from intermodal.platform.cost.focus.versions import version_of
from intermodal.platform.errors import SpecError
from intermodal.platform.ports.findings import Finding, Lack

REQUIRED = ("BillingPeriodStart", "BillingPeriodEnd", "BilledCost", "BillingCurrency")
"""Without them a row belongs to no bill, or is no money."""


@dataclass(frozen=True)
class Reading:
    table: pa.Table
    """SCHEMA, then the columns that begin with ``x_``, as text."""
    version: Version
    findings: tuple[Finding, ...]


def canonical(raw: pa.Table, where: str) -> Reading:
    """All rows of one file, none dropped and none added. SpecError when a required column is missing, or a value is no
    number or time: a bill that is read in part would be a wrong total."""
    version = version_of(raw.column_names)
    if missing := [name for name in REQUIRED if name not in raw.column_names]:
        hint = "Add the columns to the export. A bill without them is not read in part."
        raise SpecError(f"{where}: the bill has no column {', '.join(missing)}.", hint=hint)
    findings = list[Finding]()
    columns = {}
    for name in COLUMNS:
        if name in raw.column_names:
            columns[name] = _column(raw[name], name, where, findings)
    for name, other in version.fills.items():
        if other in columns:
            columns[name] = pc.coalesce(columns[name], columns[other]) if name in columns else columns[other]
    for name, column in COLUMNS.items():
        if name not in columns:
            columns[name] = pa.chunked_array([pa.nulls(raw.num_rows, SCHEMA.field(name).type)])
            if column.feature is Feature.MANDATORY and name in version.columns:
                findings.append(Finding(Lack.COLUMN, where, name))
    _require_periods(columns, where)
    findings += _fill_charge_periods(columns, where)
    findings += _costs(columns, set(raw.column_names), where)
    for name in raw.column_names:
        if name.startswith(CUSTOM_PREFIX):
            columns[name] = _text(raw[name])
        elif name not in COLUMNS:
            findings.append(Finding(Lack.UNKNOWN_COLUMN, where, name))
    ordered = [name for name in columns if name.startswith(CUSTOM_PREFIX)]
    table = pa.table({name: columns[name] for name in (*SCHEMA.names, *ordered)})
    return Reading(table, version, tuple(findings))


def _column(raw: pa.ChunkedArray, name: str, where: str, findings: list[Finding]) -> pa.ChunkedArray:
    kind, name_in_file = COLUMNS[name].kind, f"{where}, {name}"
    if kind is Kind.TIME:
        return times(raw, name_in_file)
    if kind is Kind.NUMBER:
        read, rounded = decimals(raw, name_in_file)
        if rounded:
            findings.append(Finding(Lack.ROUNDED, where, name, rounded))
        return read
    return _text(raw)


def _text(raw: pa.ChunkedArray) -> pa.ChunkedArray:
    """Maps and structs of Parquet files become JSON."""
    kind = raw.type
    if pa.types.is_map(kind):
        values = [None if pairs is None else json.dumps(dict(pairs), default=str) for pairs in raw.to_pylist()]
        return pa.chunked_array([pa.array(values, pa.string())])
    if pa.types.is_nested(kind):
        values = [None if value is None else json.dumps(value, default=str) for value in raw.to_pylist()]
        return pa.chunked_array([pa.array(values, pa.string())])
    return blank_as_null(raw.cast(pa.string()))


def _require_periods(columns: dict[str, pa.ChunkedArray], where: str) -> None:
    for name in ("BillingPeriodStart", "BillingPeriodEnd"):
        if missing := columns[name].null_count:
            row = pc.index(columns[name].is_null(), True).as_py() + 1
            raise SpecError(
                f"{where}: {missing} rows have no {name}, the first is row {row}.",
                hint="A charge belongs to one billing period. Export the bill again.",
            )


def _fill_charge_periods(columns: dict[str, pa.ChunkedArray], where: str) -> Iterator[Finding]:
    for edge in ("Start", "End"):
        name = f"ChargePeriod{edge}"
        if missing := columns[name].null_count:
            columns[name] = pc.coalesce(columns[name], columns[f"BillingPeriod{edge}"])
            yield Finding(Lack.PERIOD, where, name, missing)


def _costs(columns: dict[str, pa.ChunkedArray], present: set[str], where: str) -> Iterator[Finding]:
    for name in COSTS:
        if name in present and (missing := columns[name].null_count):
            yield Finding(Lack.COST, where, name, missing)
    currency = columns["BillingCurrency"]
    unknown = pc.invert(pc.fill_null(pc.is_in(currency, pa.array(sorted(CURRENCIES))), False))
    if rows := pc.sum(unknown).as_py():
        example = currency.filter(unknown)[0].as_py()
        yield Finding(Lack.CURRENCY, where, "BillingCurrency", rows, example or "")
    usage = pc.equal(columns["ChargeCategory"], "Usage")
    negative = pc.and_(pc.and_(usage, pc.less(columns["BilledCost"], 0)), columns["ChargeClass"].is_null())
    if rows := pc.sum(pc.fill_null(negative, False)).as_py():
        yield Finding(Lack.NEGATIVE_USAGE, where, "BilledCost", rows)
