"""Figures of Vertex AI's endpoints, measured by Cloud Monitoring.

The metrics and what they mean: https://cloud.google.com/monitoring/api/metrics_gcp_a_b#gcp-aiplatform
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
MEASURED = Measured("aiplatform.googleapis.com/prediction/online", "aiplatform.googleapis.com/Endpoint", "endpoint_id")
ENDPOINT, CODE, KIND = "resource.labels.endpoint_id", "metric.labels.response_code", "metric.labels.latency_type"
MIN_SPAN_SECONDS = 60
"""Endpoints are sampled once a minute, and an alignment period may not be shorter."""
REPLICAS_SPAN_SECONDS = 300
MAX_NAMED_ENDPOINTS = 50
"""The length of a filter is limited. For more endpoints than this, all of the region are read."""
MILLISECONDS = {"us": 0.001, "ms": 1.0, "s": 1000.0}
"""By the unit that the series states; Google documents microseconds."""


@dataclass(frozen=True)
class VertexFigures:
    """Reads Cloud Monitoring. ``endpoint`` is its address; empty for Google's own.

    Credentials are Application Default Credentials; they need roles/monitoring.viewer. The span ends
    ``delay_seconds`` ago, because samples arrive late; it is at least a minute long. Latencies are Google's total of
    container and overhead, as exact as its buckets. Saturation and cold starts are not read: utilisation is measured
    for each replica, and a dedicated endpoint keeps its replicas.
    """

    project: str
    region: str
    endpoint: str = ""
    delay_seconds: float = 240
    retry_seconds: float = 10

    def read(self, endpoints: Sequence[Endpoint], seconds: float) -> Sequence[Figures]:
        """A row for each endpoint, also without requests."""
        if not endpoints:
            return []
        span = max(math.ceil(seconds), MIN_SPAN_SECONDS)
        end = time.time() - self.delay_seconds
        names = [each.name for each in endpoints] if len(endpoints) <= MAX_NAMED_ENDPOINTS else []
        monitoring = Monitoring(self.project, self.region, self.endpoint, self.retry_seconds, MEASURED)

        def sums(metric: str, label: str) -> list[dict[str, Any]]:
            by = (ENDPOINT, label)
            return monitoring.series(metric, end - span, end, aligner="ALIGN_DELTA", group_by=by, services=names)

        responses = _responses(sums("response_count", CODE))
        latencies = {_name(s): s for s in sums("prediction_latencies", KIND) if _label(s, "latency_type") == "total"}
        replicas = monitoring.series(
            "replicas",
            end - REPLICAS_SPAN_SECONDS,
            end,
            aligner="ALIGN_NEXT_OLDER",
            period=MIN_SPAN_SECONDS,
            group_by=(ENDPOINT,),
            services=names,
        )
        counts = {_name(each): int(each["points"][0]["value"]["int64Value"]) for each in replicas if each["points"]}
        return [
            _figures(each, span, responses.get(each.name, {}), latencies.get(each.name, {}), counts.get(each.name))
            for each in endpoints
        ]


def _figures(
    endpoint: Endpoint, span: float, responses: Mapping[int, int], latencies: dict[str, Any], replicas: int | None
) -> Figures:
    total = sum(responses.values())
    failed = sum(count for code, count in responses.items() if code >= 500)
    points = latencies.get("points", [])
    taken = points[0]["value"].get("distributionValue", {}) if points else {}
    factor = MILLISECONDS[latencies.get("unit", "us")]

    def quantile(share: float) -> float | None:
        found = percentile(taken, share)
        return None if found is None else found * factor

    return Figures(
        source=SOURCE,
        model=endpoint.model,
        target=endpoint.target,
        version=endpoint.version,
        requests=total / span,
        error_rate=failed / total if total else 0.0,
        throttled=responses[429] / total if responses.get(429) else None,
        p50_ms=quantile(0.50),
        p95_ms=quantile(0.95),
        p99_ms=quantile(0.99),
        saturation=None,
        instances=replicas,
        cold_starts=None,
    )


def _responses(series: Sequence[dict[str, Any]]) -> dict[str, dict[int, int]]:
    """Endpoint → response code → requests."""
    found: dict[str, dict[int, int]] = {}
    for entry in series:
        codes, code = found.setdefault(_name(entry), {}), int(_label(entry, "response_code"))
        codes[code] = codes.get(code, 0) + sum(int(point["value"].get("int64Value", 0)) for point in entry["points"])
    return found


def _name(series: Mapping[str, Any]) -> str:
    return str(series["resource"]["labels"]["endpoint_id"])


def _label(series: Mapping[str, Any], name: str) -> str:
    return str(series["metric"]["labels"][name])
