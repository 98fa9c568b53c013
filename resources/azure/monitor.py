"""Azure Monitor through the official client: a resource's metrics, minute by minute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from intermodal.platform.errors import MissingExtra, Refused, Unavailable
from intermodal.resources.azure.errors import translated
from intermodal.resources.azure.identity import CALL_LIMITS, credential
from intermodal.resources.azure.targets.ml.workspace import RETRIES

MINUTE = 60
MAX_SERIES = 1000
"""Azure's default is 10."""


@dataclass(frozen=True)
class Series:
    """``labels`` are the dimensions split by, names in lower case; ``points``: minute (Unix seconds) → value."""

    labels: Mapping[str, str]
    points: Mapping[float, float]


class Monitor:
    """Raises Intermodal's errors. A read is one call of Resource Manager for each resource."""

    def __init__(self, management_endpoint: str, subscription_id: str) -> None:
        try:
            from azure.mgmt.monitor import MonitorManagementClient
        except ImportError as error:
            raise MissingExtra("azure-mgmt-monitor", "azure") from error
        self._client = MonitorManagementClient(
            credential(),
            subscription_id,
            base_url=management_endpoint,
            credential_scopes=[f"{management_endpoint}/.default"],
            **RETRIES,
            **CALL_LIMITS,
        )

    def averages(
        self, resource: str, metrics: Sequence[str], start: float, end: float, split_by: Sequence[str] = ()
    ) -> dict[str, list[Series]]:
        """Metric → its series. ``start`` and ``end`` are whole minutes in Unix seconds."""
        return self._read(resource, metrics, start, end, "Average", split_by)

    def totals(self, resource: str, metrics: Sequence[str], start: float, end: float) -> dict[str, list[Series]]:
        """Metric → its series, each point the sum of its minute."""
        return self._read(resource, metrics, start, end, "Total", ())

    def _read(
        self,
        resource: str,
        metrics: Sequence[str],
        start: float,
        end: float,
        aggregation: str,
        split_by: Sequence[str],
    ) -> dict[str, list[Series]]:
        doing = f"read {', '.join(metrics)} of '{resource.rsplit('/', 1)[1]}' in Azure Monitor"
        try:
            with translated(doing):
                answer = self._client.metrics.list(
                    resource,
                    timespan=f"{_moment(start)}/{_moment(end)}",
                    interval="PT1M",
                    metricnames=",".join(metrics),
                    aggregation=aggregation,
                    filter=" and ".join(f"{name} eq '*'" for name in split_by) or None,
                    top=MAX_SERIES if split_by else None,
                )
        except Refused as error:
            hint = "Give this identity the role Monitoring Reader in the workspace."
            raise Refused(error.message, hint=hint) from error
        return {metric.name.value: _series(doing, metric, aggregation.lower()) for metric in answer.value}


def _series(doing: str, metric: Any, aggregation: str) -> list[Series]:
    if metric.error_code not in (None, "Success"):
        raise Unavailable(f"Could not {doing}: {metric.error_code} {metric.error_message}", hint="Try again.")
    found = []
    for series in metric.timeseries:
        labels = {label.name.value.lower(): label.value for label in series.metadatavalues or []}
        values = ((point.time_stamp.timestamp(), getattr(point, aggregation)) for point in series.data)
        points = {minute: value for minute, value in values if value is not None}
        found.append(Series(labels, points))
    return found


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
