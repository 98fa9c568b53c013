"""The store of charges: Parquet files below one address, a file for each snapshot of a bill.

Layout: ``<address>/<source>/<YYYY-MM>/<bill>.<as of>.parquet``. The newest snapshot of a bill is valid, whatever the
order in which they were written, so two writers need no lock and a killed one leaves nothing that counts twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from io import BytesIO
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

from intermodal.platform.cost.attribution import attributed
from intermodal.platform.ports.bills import Bill, Snapshot
from intermodal.resources.storage.addresses import at_address
from intermodal.resources.storage.file_names import file_name

_TIME = "%Y%m%dT%H%M%S%fZ"


@dataclass(frozen=True)
class ChargeStore:
    """``address`` is a folder, or any address that fsspec knows."""

    address: str

    def replace(self, snapshot: Snapshot) -> bool:
        """Make it the bill's valid snapshot, whole or not at all. False when the store has a newer one."""
        path = self._path(snapshot)
        path.parent.mkdir(parents=True, exist_ok=True)
        buffer = BytesIO()
        pq.write_table(attributed(snapshot.table, snapshot.bill.source), buffer, compression="zstd")
        fresh = path.with_name(f".{path.name}.{uuid4().hex}")
        try:
            fresh.write_bytes(buffer.getvalue())
            fresh.rename(path)
        except BaseException:
            fresh.unlink(missing_ok=True)
            raise
        others = sorted(other for other in _files(path.parent) if _bill(other) == _bill(path))
        for older in others[:-1]:
            older.unlink(missing_ok=True)
        return others[-1].name == path.name

    def files(self) -> list[UPath]:
        """The valid snapshot of each bill."""
        valid: dict[tuple[str, str], UPath] = {}
        for path in sorted(self._all(), key=lambda path: path.name):
            valid[str(path.parent), _bill(path)] = path
        return sorted(valid.values(), key=str)

    def tables(self) -> Iterator[pa.Table]:
        """The charges of each bill, with their attributes."""
        for path in self.files():
            yield pq.read_table(BytesIO(path.read_bytes()))

    def _all(self) -> Iterator[UPath]:
        root = at_address(self.address)
        if root.exists():
            for source in root.iterdir():
                for month in source.iterdir():
                    yield from _files(month)

    def _path(self, snapshot: Snapshot) -> UPath:
        bill = snapshot.bill
        folder = at_address(self.address) / file_name(bill.source) / f"{bill.start:%Y-%m}"
        return folder / f"{_name(bill)}.{snapshot.as_of.astimezone(UTC).strftime(_TIME)}.parquet"


def _name(bill: Bill) -> str:
    """Accounts are of any length and text: their digest is in the name."""
    digest = hashlib.sha256(bill.account.encode()).hexdigest()[:16]
    start, end = (edge.astimezone(UTC).strftime("%Y%m%dT%H%M") for edge in (bill.start, bill.end))
    return f"{start}-{end}-{digest}"


def _files(folder: UPath) -> Iterator[UPath]:
    return (path for path in folder.glob("*.parquet") if not path.name.startswith("."))


def _bill(path: UPath) -> str:
    return str(path.name).partition(".")[0]


def midnight(day: date) -> datetime:
    """The day's beginning in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
