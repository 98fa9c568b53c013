"""How rows become bills: a bill is replaced by its newest snapshot, and never added to.

FOCUS has no identity of rows, so rows are not compared: providers repeat, correct and complete a bill by writing it
again. Refunds, credits and corrections stay rows with their sign. A correction of a closed billing period is a row of
the open one, with ChargeClass "Correction" and the charge period of the past: it belongs to the bill that it is written
in, and to the day that it is about. Source: the appendix Correction handling examples of
https://github.com/FinOps-Open-Cost-and-Usage-Spec/FOCUS_Spec.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from intermodal.platform.ports.bills import Bill, Snapshot

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
