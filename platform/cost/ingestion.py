"""How rows become bills: a bill is replaced by its newest snapshot, and never added to.

FOCUS has no identity of rows, so rows are not compared: providers repeat, correct and complete a bill by writing it
again. Refunds, credits and corrections stay rows with their sign. A correction of a closed billing period is a row of
the open one, with ChargeClass "Correction" and the charge period of the past: it belongs to the bill that it is written
in, and to the day that it is about. Source: the appendix Correction handling examples of
https://github.com/FinOps-Open-Cost-and-Usage-Spec/FOCUS_Spec.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import pyarrow as pa
import pyarrow.compute as pc

from intermodal.platform.errors import IntermodalError
from intermodal.platform.ports import Bills, ChargeStore
from intermodal.platform.ports.bills import Bill, Snapshot
from intermodal.platform.ports.findings import Finding, merged

_KEYS = ("InvoiceIssuerName", "BillingAccountId", "BillingPeriodStart", "BillingPeriodEnd")


def bills_of(table: pa.Table, source: str, as_of: datetime) -> Iterator[Snapshot]:
    """The rows of one delivery, divided by issuer, billing account and billing period. All rows are in one of them."""
    groups = table.select(_KEYS).group_by(list(_KEYS)).aggregate([])
    for group in groups.to_pylist():
        chosen = None
        for name in _KEYS:
            value = group[name]
            same = table[name].is_null() if value is None else pc.fill_null(pc.equal(table[name], value), False)
            chosen = same if chosen is None else pc.and_(chosen, same)
        account = f"{group['InvoiceIssuerName'] or ''}/{group['BillingAccountId'] or ''}"
        bill = Bill(source, account, group["BillingPeriodStart"], group["BillingPeriodEnd"])
        yield Snapshot(bill, as_of, table.filter(chosen))


def newest(snapshots: Iterable[Snapshot]) -> dict[Bill, Snapshot]:
    """By bill, whatever their order; of two with the same time, the later one in the order given."""
    found: dict[Bill, Snapshot] = {}
    for snapshot in snapshots:
        known = found.get(snapshot.bill)
        if known is None or snapshot.as_of >= known.as_of:
            found[snapshot.bill] = snapshot
    return found


@dataclass(frozen=True)
class Ingested:
    """What became of reading one source."""

    source: str
    bills: int = 0
    rows: int = 0
    outdated: int = 0
    """Snapshots that the store had a newer one of."""
    findings: tuple[Finding, ...] = ()
    error: str = ""
    """Why the source was not read, or not to its end. Then its charges are as they were, and are not zero."""


def ingest(sources: Sequence[Bills], store: ChargeStore, since: date, until: date) -> list[Ingested]:
    """Read each source, and replace the bills that it has. A source that fails stops no other, and is in the result."""
    return [_ingest(source, store, since, until) for source in sources]


def _ingest(source: Bills, store: ChargeStore, since: date, until: date) -> Ingested:
    bills, rows, outdated, findings, error = 0, 0, 0, list[Finding](), ""
    try:
        for read in source.read(since, until):
            findings += read.findings
            for snapshot in read.snapshots:
                bills += 1
                rows += snapshot.table.num_rows
                outdated += not store.replace(snapshot)
    except IntermodalError as failed:
        error = str(failed)
    return Ingested(source.source, bills, rows, outdated, merged(findings), error)
