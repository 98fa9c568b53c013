"""Bills and the store of charges in memory."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from intermodal.platform.errors import IntermodalError
from intermodal.platform.ports.bills import Bill, Read, Snapshot


@dataclass
class MemoryBills:
    source: str = "memory"
    snapshots: list[Snapshot] = field(default_factory=list)
    error: IntermodalError | None = None

    def read(self, since: date, until: date) -> Iterator[Read]:
        if self.error:
            raise self.error
        first, end = (datetime(day.year, day.month, day.day, tzinfo=UTC) for day in (since, until))
        yield Read(tuple(each for each in self.snapshots if each.bill.start < end and each.bill.end > first))


@dataclass
class MemoryChargeStore:
    valid: dict[Bill, Snapshot] = field(default_factory=dict)

    def replace(self, snapshot: Snapshot) -> bool:
        known = self.valid.get(snapshot.bill)
        if known and known.as_of > snapshot.as_of:
            return False
        self.valid[snapshot.bill] = snapshot
        return True
