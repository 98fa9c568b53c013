"""What every Bills promises. An adapter's test inherits it, with the fixtures ``bills``, which costs 1.25 dollars on
2 November 2026 and 2.50 on 3 December 2026, and ``unreachable``."""

from collections.abc import Sequence
from datetime import UTC, date
from decimal import Decimal

import pytest

from intermodal.platform.cost.focus.columns import SCHEMA
from intermodal.platform.errors import IntermodalError
from intermodal.platform.ports import Bills
from intermodal.platform.ports.bills import Snapshot

NOVEMBER, DECEMBER, JANUARY = date(2026, 11, 1), date(2026, 12, 1), date(2027, 1, 1)


def snapshots(bills: Bills, since: date, until: date) -> Sequence[Snapshot]:
    return [snapshot for read in bills.read(since, until) for snapshot in read.snapshots]


def billed(found: Sequence[Snapshot]) -> Decimal:
    return sum((sum(each.table["BilledCost"].to_pylist(), Decimal()) for each in found), Decimal())


class BillsConformance:
    """Bills are whole, typed, exact, and the same when they are read again."""

    @pytest.fixture
    def bills(self) -> Bills:
        raise NotImplementedError

    @pytest.fixture
    def unreachable(self) -> Bills:
        raise NotImplementedError

    def test_bills_of_a_span_are_its_own(self, bills: Bills) -> None:
        assert billed(snapshots(bills, NOVEMBER, DECEMBER)) == Decimal("1.25")
        assert billed(snapshots(bills, DECEMBER, JANUARY)) == Decimal("2.50")

    def test_bills_read_again_are_the_same(self, bills: Bills) -> None:
        first, again = (snapshots(bills, NOVEMBER, JANUARY) for _ in range(2))
        assert [each.bill for each in first] == [each.bill for each in again]
        assert all(before.table.equals(after.table) for before, after in zip(first, again, strict=True))
        assert len({each.bill for each in first}) == len(first)

    def test_bills_have_the_canonical_columns(self, bills: Bills) -> None:
        for each in snapshots(bills, NOVEMBER, JANUARY):
            assert [each.table.schema.field(name) for name in SCHEMA.names] == list(SCHEMA)

    def test_bills_are_of_their_source_and_in_utc(self, bills: Bills) -> None:
        for each in snapshots(bills, NOVEMBER, JANUARY):
            assert each.bill.source == bills.source
            for time in (each.bill.start, each.bill.end, each.as_of):
                assert time.utcoffset() == UTC.utcoffset(None)
            assert each.bill.start < each.bill.end

    def test_bills_that_cannot_be_read_are_an_error(self, unreachable: Bills) -> None:
        with pytest.raises(IntermodalError) as failed:
            list(unreachable.read(NOVEMBER, DECEMBER))
        assert failed.value.hint
