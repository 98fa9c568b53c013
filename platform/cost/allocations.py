"""Allocations of OpenCost and Kubecost as charges.

https://github.com/kubecost/docs, ``apis/monitoring-apis/api-allocation.md``: a set is {name: allocation} of a window,
and a set of a window without data is null or empty. Numbers may be null. ``__idle__`` is paid capacity that nothing
used, ``__unallocated__`` is what has none of the labels, ``__unmounted__`` are disks that no Pod uses.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import pyarrow as pa

from intermodal.platform.cost.focus.columns import SCHEMA
from intermodal.platform.errors import SpecError
from intermodal.platform.ports.findings import Finding, Lack, merged

LABELS = ("intermodal_model", "intermodal_team", "intermodal_environment")
"""As Prometheus writes them: names of its labels have no hyphens."""
PARTS = ("cpuCost", "gpuCost", "ramCost", "pvCost", "networkCost", "loadBalancerCost")
"""What an allocation's own cost is made of, each with an adjustment (``cpuCostAdjustment``)."""
IDLE, UNALLOCATED, UNMOUNTED = "__idle__", "__unallocated__", "__unmounted__"
SPECIAL = "__"
"""Names of no label begin with it."""


def charges(
    sets: Sequence[Mapping[str, Any] | None], start: datetime, end: datetime, currency: str, where: str
) -> tuple[pa.Table, tuple[Finding, ...]]:
    """A row for each allocation's own cost, for what was shared into it, and for its cost outside of the cluster.

    An allocation of another window is no part of the day: SpecError, since the sum would be another period's.
    """
    rows, findings = list[dict[str, Any]](), list[Finding]()
    for each in sets:
        for name, allocation in (each or {}).items():
            _require_window(allocation, start, end, where)
            for kind, cost in _costs(allocation):
                if cost is None:
                    findings.append(Finding(Lack.COST, where, kind, 1, name))
                    continue
                if cost < 0:
                    findings.append(Finding(Lack.NEGATIVE_USAGE, where, kind, 1, name))
                if cost or kind == "totalCost":
                    rows.append(_row(name, allocation, kind, cost, start, end, currency))
    if not rows:
        findings.append(Finding(Lack.COST, where, "data", 0, "no allocations"))
    return pa.Table.from_pylist(rows, SCHEMA), merged(findings)


def _costs(allocation: Mapping[str, Any]) -> Iterator[tuple[str, Decimal | None]]:
    """``totalCost`` has all; what of it was shared into the allocation or is external is a charge of its own."""
    total = _number(allocation.get("totalCost"))
    if total is None:
        parts = [_number(allocation.get(f"{part}{more}")) for part in PARTS for more in ("", "Adjustment")]
        known = [part for part in parts if part is not None]
        yield "totalCost", sum(known, Decimal()) if known else None
        other = Decimal()
    else:
        other = sum((_number(allocation.get(kind)) or Decimal() for kind in ("sharedCost", "externalCost")), Decimal())
        yield "totalCost", total - other
    for kind in ("sharedCost", "externalCost"):
        if cost := _number(allocation.get(kind)):
            yield kind, cost


def _number(value: Any) -> Decimal | None:
    if value is None or isinstance(value, bool):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return round(number, 18) if number.is_finite() else None


def _require_window(allocation: Mapping[str, Any], start: datetime, end: datetime, where: str) -> None:
    window = allocation.get("window") or {}
    try:
        edges = [datetime.fromisoformat(window[edge]) for edge in ("start", "end") if window.get(edge)]
    except ValueError as error:
        raise SpecError(f"{where}: the window {window} has no times.", hint="Is this OpenCost or Kubecost?") from error
    if edges and not (start <= edges[0] and edges[-1] <= end):
        hint = "Configure the cluster's cost server for UTC and for days."
        raise SpecError(f"{where}: the window {window} is not within the UTC day.", hint=hint)


def _row(
    name: str, allocation: Mapping[str, Any], kind: str, cost: Decimal, start: datetime, end: datetime, currency: str
) -> dict[str, Any]:
    properties = allocation.get("properties") or {}
    shared = kind == "sharedCost" or name.startswith((IDLE, UNMOUNTED))
    tags = {**(properties.get("labels") or {}), **_labels(name)}
    if shared:
        tags["intermodal_stage"] = "shared"
    month = start.replace(day=1)
    provider = str(properties.get("provider") or "Kubernetes")
    return {
        **dict.fromkeys(("BilledCost", "EffectiveCost", "ListCost", "ContractedCost"), cost),
        "AllocatedMethodId": "opencost" if kind == "sharedCost" else None,
        "AllocatedResourceId": name if kind == "sharedCost" else None,
        "BillingAccountId": str(properties.get("cluster") or ""),
        "BillingCurrency": currency,
        "BillingPeriodStart": month,
        "BillingPeriodEnd": (month + timedelta(days=32)).replace(day=1),
        "ChargeCategory": "Usage",
        "ChargeDescription": {"sharedCost": "shared", "externalCost": "outside of the cluster"}.get(kind, name),
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodStart": start,
        "ChargePeriodEnd": end,
        **dict.fromkeys(("ProviderName", "PublisherName", "ServiceProviderName", "HostProviderName"), provider),
        "InvoiceIssuerName": provider,
        "ResourceId": name,
        "ServiceCategory": "Compute",
        "ServiceName": "Kubernetes",
        "SkuId": kind,
        "Tags": json.dumps(tags, sort_keys=True),
    }


def _labels(name: str) -> dict[str, str]:
    """``intermodal_model=m/intermodal_team=ops/__unallocated__`` → the first two. OpenCost writes the values alone."""
    found = {}
    for label, part in zip(LABELS, name.split("/"), strict=False):
        key, equals, value = part.partition("=")
        if not (value or key).startswith(SPECIAL):
            found[key if equals else label] = value if equals else key
    return found
