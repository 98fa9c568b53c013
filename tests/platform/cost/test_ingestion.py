"""Sources read into a store, with doubles that keep the ports' promises."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest

from intermodal.platform.cost.focus.reading import canonical
from intermodal.platform.cost.ingestion import bills_of, ingest
from intermodal.platform.errors import Unavailable
from tests.conformance.bills import BillsConformance, billed
from tests.conformance.charges import ChargeStoreConformance, snapshot
from tests.memory.cost import MemoryBills, MemoryChargeStore
from tests.platform.cost.bills import AS_OF, raw, row

NOVEMBER = date(2026, 11, 1), date(2026, 12, 1)


class TestMemoryBills(BillsConformance):
    @pytest.fixture
    def bills(self) -> MemoryBills:
        december = {"BillingPeriodStart": "2026-12-01T00:00:00Z", "BillingPeriodEnd": "2027-01-01T00:00:00Z"}
        rows = canonical(raw([row("1.25"), row("2.50", **december)]), "a").table
        return MemoryBills(snapshots=list(bills_of(rows, "memory", AS_OF)))

    @pytest.fixture
    def unreachable(self) -> MemoryBills:
        return MemoryBills(error=Unavailable("It does not answer.", hint="Start it."))


class TestMemoryChargeStore(ChargeStoreConformance):
    @pytest.fixture
    def store(self) -> MemoryChargeStore:
        return MemoryChargeStore()

    @pytest.fixture
    def billed(self, store: MemoryChargeStore) -> Callable[[], Decimal]:
        return lambda: billed(list(store.valid.values()))


def test_rows_divided_into_bills_are_all_there() -> None:
    rows = [
        row("1"),
        row("2", BillingAccountId=None),
        row("4", InvoiceIssuerName=None),
        row("8", BillingAccountId="002"),
        row("16", BillingPeriodEnd="2026-11-30T24:00:00Z"),
    ]
    found = list(bills_of(canonical(raw(rows), "a").table, "acme", AS_OF))
    assert sorted(billed([each]) for each in found) == [2, 4, 8, 17]
    assert len({each.bill for each in found}) == 4


def test_ingestion_counts_what_was_outdated() -> None:
    store = MemoryChargeStore()
    store.replace(snapshot([Decimal(2)], "001", 2))
    (result,) = ingest([MemoryBills("acme", [snapshot([Decimal(1)], "001", 1)])], store, *NOVEMBER)
    assert (result.bills, result.rows, result.outdated, result.error) == (1, 1, 1, "")


def test_source_that_fails_stops_no_other() -> None:
    failing = MemoryBills("a", error=Unavailable("It does not answer.", hint="Start it."))
    store = MemoryChargeStore()
    results = ingest([failing, MemoryBills("acme", [snapshot([Decimal(1)], "001", 1)])], store, *NOVEMBER)
    assert [(each.source, each.error) for each in results] == [("a", "It does not answer. Start it."), ("acme", "")]
    assert billed(list(store.valid.values())) == 1
