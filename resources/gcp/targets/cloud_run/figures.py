"""What Cloud Monitoring measured of our Cloud Run services, in the platform's vocabulary.

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
from intermodal.resources.gcp.monitoring import Monitoring

SOURCE = "cloud-monitoring"
SERVICE, CODE = "resource.labels.service_name", "metric.labels.response_code"
SHORTEST = 60
"""Seconds: Cloud Run is sampled once a minute, and an alignment period may not be shorter."""
RECENT = 300
"""Seconds in which the newest instance count is looked for."""
MOST_NAMED = 50
"""More services than this are not named in the filter, which has a limit; then all of the region are read."""


@dataclass(frozen=True)
class CloudRunFigures:
    """Reads Cloud Monitoring. ``endpoint`` is its address; empty for Google's own.

    Credentials are Application Default Credentials; they need roles/monitoring.viewer and roles/run.viewer. It
    covers what happened until ``delay_seconds`` ago: Cloud Run is sampled every 60 s and shown up to 180 s later, and a
    span that ends now would miss its end. The span is at least a minute. Latencies begin where the container does (no
    start-up, no network) and are as exact as Google's buckets. Requests that never reach a container (refused ones, and
    those throttled because all instances are busy) are not in ``request_count``: so ``throttled`` is None unless the
    container itself answered 429. ``saturation`` is the mean CPU in use of the instances.
    """

    project: str
    region: str
    endpoint: str = ""
    delay_seconds: float = 240
    retry_seconds: float = 10

    def read(self, services: Sequence[Endpoint], seconds: float) -> Sequence[Figures]:
        """A row for each service, also for one that nobody called."""
        if not services:
            return []
        span = max(math.ceil(seconds), SHORTEST)
        end = time.time() - self.delay_seconds
        start = end - span
        names = [service.name for service in services] if len(services) <= MOST_NAMED else []
        monitoring = Monitoring(self.project, self.region, self.endpoint, self.retry_seconds)

        def sums(metric: str, *more: str) -> list[dict[str, Any]]:
            by = (SERVICE, *more)
            return monitoring.series(metric, start, end, aligner="ALIGN_DELTA", group_by=by, services=names)

        answers = _answers(sums("request_count", CODE))
        latencies = _newest(sums("request_latencies"))
        starts, cpu = _newest(sums("container/startup_latencies")), _newest(sums("container/cpu/utilizations"))
        instances = _newest(
            monitoring.series(
                "container/instance_count",
                end - RECENT,
                end,
                aligner="ALIGN_NEXT_OLDER",
                period=SHORTEST,
                group_by=(SERVICE,),
                services=names,
            )
        )
        return [
            _figures(
                service,
                span,
                answers.get(service.name, {}),
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
    answers: Mapping[int, int],
    latencies: dict[str, Any],
    *,
    starts: dict[str, Any],
    cpu: dict[str, Any],
    instances: dict[str, Any] | None,
) -> Figures:
    total = sum(answers.values())
    failed = sum(count for code, count in answers.items() if code >= 500)
    return Figures(
        source=SOURCE,
        model=service.model,
        target=service.target,
        version=service.version,
        requests=total / span,
        error_rate=failed / total if total else 0.0,
        throttled=answers[429] / total if answers.get(429) else None,
        p50_ms=percentile(latencies, 0.50),
        p95_ms=percentile(latencies, 0.95),
        p99_ms=percentile(latencies, 0.99),
        saturation=min(float(cpu["mean"]), 1.0) if int(cpu.get("count", 0)) else None,
        instances=int(instances["int64Value"]) if instances else None,
        cold_starts=int(starts.get("count", 0)),
    )


def _answers(series: Sequence[dict[str, Any]]) -> dict[str, dict[int, int]]:
    """Service → response code → requests."""
    found: dict[str, dict[int, int]] = {}
    for one in series:
        codes = found.setdefault(one["resource"]["labels"]["service_name"], {})
        code = int(one["metric"]["labels"]["response_code"])
        codes[code] = codes.get(code, 0) + sum(int(point["value"].get("int64Value", 0)) for point in one["points"])
    return found


def _newest(series: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Service → the value of the newest point."""
    return {one["resource"]["labels"]["service_name"]: one["points"][0]["value"] for one in series if one["points"]}
