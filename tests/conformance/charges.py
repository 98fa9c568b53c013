"""What every ChargeStore promises. An adapter's test inherits it, with the fixtures ``store``, which is empty, and
``billed``, the sum of what it holds."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from intermodal.platform.cost.focus.reading import canonical
from intermodal.platform.cost.ingestion import bills_of
from intermodal.platform.ports import ChargeStore
from intermodal.platform.ports.bills import Snapshot
from tests.platform.cost.bills import raw, row


def snapshot(costs: list[Decimal], account: str, hour: int) -> Snapshot:
    """A bill of November 2026 as it was at an hour of 1 December."""
    rows = [row(str(cost), BillingAccountId=account) for cost in costs]
    (found,) = bills_of(canonical(raw(rows), "a").table, "acme", datetime(2026, 12, 1, hour, tzinfo=UTC))
    return found


class ChargeStoreConformance:
    """The newest snapshot of each bill is valid, and the others do not count."""

    @pytest.fixture
    def store(self) -> ChargeStore:
        raise NotImplementedError

    @pytest.fixture
    def billed(self) -> Callable[[], Decimal]:
        raise NotImplementedError

    def test_bill_replaced_by_a_newer_one_counts_once(self, store: ChargeStore, billed: Callable[[], Decimal]) -> None:
        assert store.replace(snapshot([Decimal(1)], "001", 1))
        assert store.replace(snapshot([Decimal(2), Decimal(3)], "001", 2))
        assert billed() == 5

    def test_older_snapshot_that_arrives_late_is_not_used(
        self, store: ChargeStore, billed: Callable[[], Decimal]
    ) -> None:
        assert store.replace(snapshot([Decimal(2)], "001", 2))
        assert not store.replace(snapshot([Decimal(1)], "001", 1))
        assert billed() == 2

    def test_snapshot_written_twice_counts_once(self, store: ChargeStore, billed: Callable[[], Decimal]) -> None:
        for _ in range(2):
            assert store.replace(snapshot([Decimal(2)], "001", 2))
        assert billed() == 2

    def test_bills_of_two_accounts_are_added(self, store: ChargeStore, billed: Callable[[], Decimal]) -> None:
        store.replace(snapshot([Decimal(2)], "001", 2))
        store.replace(snapshot([Decimal("-0.5")], "002", 1))
        assert billed() == Decimal("1.5")
