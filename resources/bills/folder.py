"""A folder of FOCUS files: what every cloud's export writes, and what a vendor sends.

A folder that holds files is one delivery, and its files are its pieces, as AWS, Azure and Google write them: a folder
for each billing period, or for each execution of the export. Of several deliveries that have the same bill, the newest
is the bill.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from io import BytesIO
from typing import ClassVar

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from upath import UPath

from intermodal.platform.cost.attribution import attributed, unattributed
from intermodal.platform.cost.focus.reading import canonical
from intermodal.platform.cost.ingestion import bills_of, newest
from intermodal.platform.errors import IntermodalError, NotFound, SpecError, Unavailable
from intermodal.platform.ports.bills import Read, Snapshot
from intermodal.platform.ports.findings import Finding, Lack, merged
from intermodal.resources.cost.store import midnight
from intermodal.resources.storage.addresses import at_address, without_passwords

ENDINGS = (".csv", ".csv.gz", ".parquet")


@dataclass(frozen=True)
class FocusFolder:
    """CSV or Parquet of FOCUS 1.0 to 1.3 below ``address``."""

    kinds: ClassVar[frozenset[str]] = frozenset({"parquet"})
    extra: ClassVar[str] = "cost"

    source: str
    address: str

    @classmethod
    def of(cls, source: str, address: str) -> FocusFolder:
        return cls(source, address)

    def read(self, since: date, until: date) -> Iterator[Read]:
        """A delivery with a file that cannot be read is not used, so an older whole one stays: its findings say so.
        Unavailable when the folder or bucket itself cannot be read."""
        try:
            found = self._read(since, until)
        except IntermodalError:
            raise
        except Exception as error:  # each kind of store raises its own
            raise Unavailable(
                without_passwords(f"The bills at {self.address} cannot be read: {type(error).__name__}: {error}."),
                hint="Check that the store answers, and lets us list and read it.",
            ) from error
        yield found

    def _read(self, since: date, until: date) -> Read:
        snapshots, findings = list[Snapshot](), list[Finding]()
        for files in self._deliveries():
            table, found = self._delivery(files)
            findings += found
            if table is not None:
                snapshots += bills_of(table, self.source, max(map(_modified, files)))
        chosen = [
            snapshot
            for snapshot in newest(sorted(snapshots, key=lambda snapshot: snapshot.as_of)).values()
            if snapshot.bill.start < midnight(until) and snapshot.bill.end > midnight(since)
        ]
        for snapshot in chosen:
            where = f"{self.source} {snapshot.bill.account} {snapshot.bill.start:%Y-%m}"
            findings += unattributed(attributed(snapshot.table, self.source), where)
        return Read(tuple(sorted(chosen, key=lambda snapshot: snapshot.bill)), merged(findings))

    def _deliveries(self) -> Iterator[list[UPath]]:
        root = at_address(self.address)
        if not root.exists():
            address = without_passwords(self.address)
            raise NotFound(
                f"There is no folder of bills {address}.", hint="Correct the address of this source of bills."
            )
        found: dict[str, list[UPath]] = {}
        for path in sorted((path for path in root.rglob("*") if path.name.endswith(ENDINGS)), key=str):
            if not path.name.startswith((".", "_")):
                found.setdefault(str(path.parent), []).append(path)
        yield from found.values()

    def _delivery(self, files: list[UPath]) -> tuple[pa.Table | None, list[Finding]]:
        tables, findings, seen = list[pa.Table](), list[Finding](), set[str]()
        for path in files:
            where = os.path.relpath(str(path), str(at_address(self.address)))
            content = path.read_bytes()
            digest = hashlib.sha256(content).hexdigest()
            if digest in seen:
                findings.append(Finding(Lack.REPEATED_FILE, where))
                continue
            seen.add(digest)
            try:
                reading = canonical(_table(path.name, content), where)
            except (pa.ArrowException, EOFError, OSError, zlib.error, SpecError) as error:
                findings.append(Finding(Lack.TRUNCATED, where, example=str(error)[:200]))
                return None, findings
            tables.append(reading.table)
            findings += reading.findings
        return pa.concat_tables(tables, promote_options="default"), findings


def _table(name: str, content: bytes) -> pa.Table:
    """Of CSV every value is text, so that no number becomes a float and no account number loses its zeros."""
    if name.endswith(".parquet"):
        return pq.read_table(BytesIO(content))
    text = gzip.decompress(content) if name.endswith(".gz") else content
    if text and not text.endswith(b"\n"):
        raise SpecError("The last line has no end.", hint="Copy the file again: it is truncated.")
    header = pyarrow.csv.open_csv(BytesIO(text)).schema.names
    convert = pyarrow.csv.ConvertOptions(
        column_types={name: pa.string() for name in header}, strings_can_be_null=False, check_utf8=True
    )
    options = pyarrow.csv.ParseOptions(newlines_in_values=True)
    return pyarrow.csv.read_csv(BytesIO(text), parse_options=options, convert_options=convert)


def _modified(path: UPath) -> datetime:
    """In UTC. Of objects it is when they were written."""
    if path.protocol in ("", "file", "local"):
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    written: datetime = path.fs.modified(path.path)
    return written.replace(tzinfo=UTC) if written.tzinfo is None else written.astimezone(UTC)
