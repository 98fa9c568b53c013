"""Figures of managed online endpoints, measured by Azure Monitor.

The metrics, their units and dimensions:
https://learn.microsoft.com/azure/azure-monitor/reference/supported-metrics/microsoft-machinelearningservices-workspaces-onlineendpoints-metrics
and ...-onlineendpoints-deployments-metrics.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from intermodal.platform.ports.endpoints import MODEL_TAG, VERSION_TAG
from intermodal.platform.ports.metrics import Figures
from intermodal.platform.targets import Target
from intermodal.resources.azure.errors import translated
from intermodal.resources.azure.monitor import MINUTE, Monitor, Series
from intermodal.resources.azure.targets.ml.workspace import Workspace
from intermodal.resources.concurrency import parallel

SOURCE = "azure-monitor"
REQUESTS, CPU = "RequestsPerMinute", "CpuUtilizationPercentage"
P50, P95, P99 = "RequestLatency_P50", "RequestLatency_P95", "RequestLatency_P99"
STATUS, MODEL_STATUS, INSTANCE = "statusCode", "modelStatusCode", "instanceId"
RUNNING_SECONDS = 3 * MINUTE
"""An instance that reported in the last three minutes of the span is running."""
READ_WORKERS = 8


@dataclass(frozen=True)
class AzureMlFigures:
    """Reads Azure Monitor.

    Credentials are azure-identity's; they need Monitoring Reader and AzureML Data Scientist in the workspace. The span
    is whole minutes and ends ``delay_seconds`` ago, because measurements arrive up to three minutes late. Azure has
    percentiles of each minute only: they are averaged, weighted by the requests of their minute, which equals the
    percentile of the span only if all minutes are alike. ``saturation`` is the mean CPU use; ``instances`` are those
    that reported their CPU; cold starts are not measured. A read is two calls for each endpoint and one for each of its
    deployments that has traffic.
    """

    target: Target
    workspace: Workspace
    monitor: Monitor
    environment: str
    delay_seconds: float = 240

    def read(self, seconds: float, model: str = "") -> Sequence[Figures]:
        """A row for each existing endpoint, also without requests."""
        tags = f"intermodal-environment={self.environment}" + (f",intermodal-model={model}" if model else "")
        with translated("list endpoints"):
            endpoints = list(self.workspace.endpoints(tags))
        if not endpoints:
            return []
        end = math.ceil((time.time() - self.delay_seconds) / MINUTE) * MINUTE
        start = end - max(math.ceil(seconds / MINUTE), 1) * MINUTE
        by_name = {endpoint.name: endpoint for endpoint in endpoints}
        found = parallel(lambda name: self._read(by_name[name], start, end), list(by_name), READ_WORKERS)
        return [found[name] for name in by_name]

    def _read(self, endpoint: Any, start: float, end: float) -> Figures:
        return _figures(self.target, self.monitor, self.workspace.id, endpoint, start, end)


def _figures(target: Target, monitor: Monitor, workspace: str, endpoint: Any, start: float, end: float) -> Figures:
    resource = f"{workspace}/onlineEndpoints/{endpoint.name}"
    requests = monitor.averages(resource, [REQUESTS], start, end, [STATUS, MODEL_STATUS])[REQUESTS]
    latencies = monitor.averages(resource, [P50, P95, P99], start, end)
    serving = [name for name, share in (endpoint.properties.traffic or {}).items() if share]
    processors = [
        series
        for name in serving
        for series in monitor.averages(f"{resource}/deployments/{name}", [CPU], start, end, [INSTANCE])[CPU]
    ]
    by_minute = _by_minute(requests)
    total = sum(by_minute.values())
    throttled = sum(_total(series) for series in requests if _code(series, STATUS) == 429)
    failed = sum(_total(series) for series in requests if _failed(series))
    cpu = [value for series in processors for value in series.points.values()]
    tags = endpoint.tags or {}
    return Figures(
        source=SOURCE,
        model=tags.get(MODEL_TAG, ""),
        target=target,
        version=tags.get(VERSION_TAG, ""),
        requests=total / (end - start),
        error_rate=failed / total if total else 0.0,
        throttled=throttled / total if total else 0.0,
        p50_ms=_over_minutes(latencies[P50], by_minute),
        p95_ms=_over_minutes(latencies[P95], by_minute),
        p99_ms=_over_minutes(latencies[P99], by_minute),
        saturation=min(sum(cpu) / len(cpu) / 100, 1.0) if cpu else None,
        instances=sum(max(series.points, default=0.0) >= end - RUNNING_SECONDS for series in processors),
    )


def _failed(series: Series) -> bool:
    """5xx, a time-out (408), and a failed model: Azure answers 424 for every model response other than 200.

    Source: https://learn.microsoft.com/azure/machine-learning/how-to-troubleshoot-online-endpoints
    """
    status, of_model = _code(series, STATUS), _code(series, MODEL_STATUS)
    if status == 424:
        return not 400 <= of_model < 500
    return status == 408 or status >= 500


def _total(series: Series) -> float:
    return sum(series.points.values())


def _code(series: Series, name: str) -> int:
    """0 where there is none."""
    text = series.labels.get(name.lower(), "")
    return int(text) if text.isdecimal() else 0


def _by_minute(requests: Sequence[Series]) -> dict[float, float]:
    found: dict[float, float] = {}
    for series in requests:
        for minute, count in series.points.items():
            found[minute] = found.get(minute, 0.0) + count
    return found


def _over_minutes(latencies: Sequence[Series], requests: Mapping[float, float]) -> float | None:
    """The mean, weighted by the requests of each minute."""
    points = [(value, requests.get(minute, 0.0)) for series in latencies for minute, value in series.points.items()]
    total = sum(weight for _, weight in points)
    return sum(value * weight for value, weight in points) / total if total else None
