"""Figures of Cloud Run services, measured by Cloud Monitoring.

The metrics and what they mean: https://cloud.google.com/monitoring/api/metrics_gcp_p_z#gcp-run
"""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from intermodal.platform.ports.endpoints import Endpoint
from intermodal.platform.ports.metrics import Figures
from intermodal.resources.gcp.distribution import percentile
from intermodal.resources.gcp.monitoring import Measured, Monitoring

SOURCE = "cloud-monitoring"
MEASURED = Measured("run.googleapis.com", "cloud_run_revision", "service_name")
SERVICE, CODE = "resource.labels.service_name", "metric.labels.response_code"
MIN_SPAN_SECONDS = 60
"""Cloud Run is sampled once a minute, and an alignment period may not be shorter."""
INSTANCES_SPAN_SECONDS = 300
"""The newest instance count within this span is used."""
MAX_NAMED_SERVICES = 50
"""The length of a filter is limited. For more services than this, all of the region are read."""


@dataclass(frozen=True)
class CloudRunFigures:
    """Reads Cloud Monitoring. ``endpoint`` is its address; empty for Google's own.

    Credentials are Application Default Credentials; they need roles/monitoring.viewer and roles/run.viewer. The
    span ends ``delay_seconds`` ago, because Cloud Run is sampled every 60 s and samples arrive up to 180 s later; it
    is at least a minute long. Latencies are the container's, without its start and the network, and as exact as
    Google's buckets. ``request_count`` has no requests that reach no container: refused ones, and those throttled
    because all instances are busy. So ``throttled`` is None unless the container itself answered 429. ``saturation`` is
    the mean CPU use of the instances.
    """

    project: str
    region: str
    endpoint: str = ""
    delay_seconds: float = 240
    retry_seconds: float = 10

    def read(self, services: Sequence[Endpoint], seconds: float) -> Sequence[Figures]:
        """A row for each service, also without requests."""
        if not services:
            return []
        span = max(math.ceil(seconds), MIN_SPAN_SECONDS)
        end = time.time() - self.delay_seconds
        start = end - span
        names = [service.name for service in services] if len(services) <= MAX_NAMED_SERVICES else []
        monitoring = Monitoring(self.project, self.region, self.endpoint, self.retry_seconds, MEASURED)

        def sums(metric: str, *more: str) -> list[dict[str, Any]]:
            by = (SERVICE, *more)
            return monitoring.series(metric, start, end, aligner="ALIGN_DELTA", group_by=by, services=names)

        responses = _responses(sums("request_count", CODE))
        latencies = _newest(sums("request_latencies"))
        starts, cpu = _newest(sums("container/startup_latencies")), _newest(sums("container/cpu/utilizations"))
        instances = _newest(
            monitoring.series(
                "container/instance_count",
                end - INSTANCES_SPAN_SECONDS,
                end,
                aligner="ALIGN_NEXT_OLDER",
                period=MIN_SPAN_SECONDS,
                group_by=(SERVICE,),
                services=names,
            )
        )
        return [
            _figures(
                service,
                span,
                responses.get(service.name, {}),
                latencies.get(service.name, {}).get("distributionValue", {}),
                starts=starts.get(service.name, {}).get("distributionValue", {}),
                cpu=cpu.get(service.name, {}).get("distributionValue", {}),
                instances=instances.get(service.name),
            )
            for service in services
        ]


def _figures(
    service: Endpoint,
    span: float,
    responses: Mapping[int, int],
    latencies: dict[str, Any],
    *,
    starts: dict[str, Any],
    cpu: dict[str, Any],
    instances: dict[str, Any] | None,
) -> Figures:
    total = sum(responses.values())
    failed = sum(count for code, count in responses.items() if code >= 500)
    return Figures(
        source=SOURCE,
        model=service.model,
        target=service.target,
        version=service.version,
        requests=total / span,
        error_rate=failed / total if total else 0.0,
        throttled=responses[429] / total if responses.get(429) else None,
        p50_ms=percentile(latencies, 0.50),
        p95_ms=percentile(latencies, 0.95),
        p99_ms=percentile(latencies, 0.99),
        saturation=min(float(cpu["mean"]), 1.0) if int(cpu.get("count", 0)) else None,
        instances=int(instances["int64Value"]) if instances else None,
        cold_starts=int(starts.get("count", 0)),
    )


def _responses(series: Sequence[dict[str, Any]]) -> dict[str, dict[int, int]]:
    """Service → response code → requests."""
    found: dict[str, dict[int, int]] = {}
    for entry in series:
        codes = found.setdefault(entry["resource"]["labels"]["service_name"], {})
        code = int(entry["metric"]["labels"]["response_code"])
        codes[code] = codes.get(code, 0) + sum(int(point["value"].get("int64Value", 0)) for point in entry["points"])
    return found


def _newest(series: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Service → the value of the newest point."""
    newest = ((entry["resource"], entry["points"][0]) for entry in series if entry["points"])
    return {resource["labels"]["service_name"]: point["value"] for resource, point in newest}
