"""Sums over the store by DuckDB, in process. https://duckdb.org/docs/stable/data/parquet/overview"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.dataset as ds

from intermodal.platform.cost.attribution import ATTRIBUTES
from intermodal.platform.cost.focus.columns import CUSTOM_PREFIX, SCHEMA
from intermodal.platform.cost.spend import DIMENSIONS, Spend
from intermodal.platform.errors import MissingExtra, SpecError
from intermodal.resources.cost.store import ChargeStore, midnight

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MEMORY_LIMIT = "1GB"
BATCH_ROWS = 100_000


@dataclass(frozen=True)
class Charges:
    """Questions to a store of charges. MissingExtra without DuckDB."""

    store: ChargeStore

    def spend(self, by: Sequence[str], since: date | None = None, until: date | None = None) -> list[Spend]:
        """Sums by the dimensions, of charges that begin in [since, until), the most expensive first within a currency.
        SpecError for a dimension that there is not."""
        if unknown := [name for name in by if name not in DIMENSIONS]:
            hint = f"Use: {', '.join(DIMENSIONS)}."
            raise SpecError(f"Spend has no dimension {', '.join(unknown)}.", hint=hint)
        keys = "".join(f"{_expression(name)} AS k{index}, " for index, name in enumerate(by))
        order = "".join(f", k{index}" for index in range(len(by)))
        query = f"""
            SELECT {keys}BillingCurrency AS currency, coalesce(sum(BilledCost), 0) AS billed,
                coalesce(sum(EffectiveCost), 0) AS effective, count(*) AS charges,
                count(*) - count(BilledCost) AS without_cost
            FROM charges WHERE {_within(since, until)} GROUP BY ALL ORDER BY currency, billed DESC{order}
        """
        with self._opened() as connection:
            rows = connection.execute(query).fetchall() if connection else []
        width = len(by)
        return [Spend(tuple(row[:width]), row[width] or "", *row[width + 1 :]) for row in rows]

    def rows(self, since: date | None = None, until: date | None = None) -> Iterator[pa.RecordBatch]:
        """The charges that begin in [since, until), in a fixed order of bills, with all columns."""
        dataset = self._dataset()
        if dataset is None:
            return
        start = ds.field("ChargePeriodStart")
        chosen = ds.scalar(True)
        if since:
            chosen = chosen & (start >= pa.scalar(midnight(since), SCHEMA.field("ChargePeriodStart").type))
        if until:
            chosen = chosen & (start < pa.scalar(midnight(until), SCHEMA.field("ChargePeriodStart").type))
        yield from dataset.scanner(filter=chosen, batch_size=BATCH_ROWS).to_batches()

    @property
    def schema(self) -> pa.Schema:
        """FOCUS's columns, the sources' own, then the attributes."""
        dataset = self._dataset()
        return dataset.schema if dataset else _schema(())

    def _dataset(self) -> ds.Dataset | None:
        files = self.store.files()
        if not files:
            return None
        found = ds.dataset([path.path for path in files], filesystem=getattr(files[0], "fs", None), format="parquet")
        schemas = [fragment.physical_schema for fragment in found.get_fragments()]
        return found.replace_schema(_schema(schemas))

    @contextmanager
    def _opened(self) -> Iterator[DuckDBPyConnection | None]:
        try:
            import duckdb
        except ModuleNotFoundError as error:
            raise MissingExtra("duckdb", "cost") from error
        dataset = self._dataset()
        if dataset is None:
            yield None
            return
        config: dict[str, str | bool | int | float | list[str]] = {"memory_limit": MEMORY_LIMIT}
        config["enable_external_access"] = False
        with duckdb.connect(config=config) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            connection.register("charges", dataset)
            yield connection


def _expression(name: str) -> str:
    return "CAST(CAST(ChargePeriodStart AS DATE) AS VARCHAR)" if name == "day" else f'"{DIMENSIONS[name]}"'


def _within(since: date | None, until: date | None) -> str:
    """Dates have no quotes, so they are safe in the text."""
    limits = [f"ChargePeriodStart >= TIMESTAMPTZ '{since:%Y-%m-%d} 00:00:00+00'"] if since else []
    limits += [f"ChargePeriodStart < TIMESTAMPTZ '{until:%Y-%m-%d} 00:00:00+00'"] if until else []
    return " AND ".join(limits) or "true"


def _schema(schemas: Sequence[pa.Schema]) -> pa.Schema:
    custom = {name for schema in schemas for name in schema.names if name.startswith(CUSTOM_PREFIX)}
    names = (*sorted(custom - set(ATTRIBUTES)), *ATTRIBUTES)
    return pa.schema([*SCHEMA, *(pa.field(name, pa.string()) for name in names)])
