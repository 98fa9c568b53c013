"""Figures from Prometheus. Fulfils the port ``Metrics`` over Prometheus' HTTP API.

What a failure is, and what Envoy calls things, stands in ``deploy/prometheus/rules/recording.yml``, which that
Prometheus must have loaded: the gateway's tries (what callers meet) and, where servers are scraped, how busy they are.
"""

import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import dagster as dg
import httpx
from pydantic import Field

from intermodal.platform.errors import Refused, Unavailable
from intermodal.platform.ports.metrics import Figures
from intermodal.platform.targets import CLOUDS, parse_cloud

BY = "model, cloud, version"
QUERIES: Mapping[str, str] = {
    "requests": f"sum by ({BY}) (rate(intermodal:tries:total{{@}}[@]))",
    "failed": f"sum by ({BY}) (rate(intermodal:tries_failed:total{{@}}[@]))",
    "throttled": f"sum by ({BY}) (rate(intermodal:tries_throttled:total{{@}}[@]))",
    **{
        f"p{percent}_ms": f"histogram_quantile(0.{percent}, "
        f"sum by ({BY}, le) (rate(envoy_intermodal_tries_time_us_bucket{{@}}[@]))) / 1e3"
        for percent in (50, 95, 99)
    },
    "saturation": f"avg by ({BY}, target) (avg_over_time(intermodal:servers:saturation{{@}}[@]))",
    "instances": f"sum by ({BY}, target) (intermodal:servers:ready{{@}})",
}
"""Figure → PromQL, where ``{@}`` stands for the model's selector and ``[@]`` for the span."""


def query(seconds: float, model: str = "") -> str:
    """All figures in one expression, told apart by the label ``figure``: one call, one moment."""
    selector = f"{{model={json.dumps(model)}}}" if model else '{model!=""}'
    span = f"[{max(1, round(seconds * 1000))}ms]"
    parts = (
        f'label_replace({text.replace("{@}", selector).replace("[@]", span)}, "figure", "{figure}", "", "")'
        for figure, text in QUERIES.items()
    )
    return " or ".join(parts)


class PrometheusMetrics(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Prometheus at ``url``. Errors: Unavailable (nobody answers, or not with figures), Refused."""

    url: str = Field(default="", description="Such as http://127.0.0.1:9090.")
    seconds: float = Field(default=5.0, gt=0, description="How long an answer may take.")

    @property
    def source(self) -> str:
        return "prometheus"

    def read(self, seconds: float, model: str = "") -> Sequence[Figures]:
        """What happened in the last ``seconds``, which should span two scrapes at least.

        A row for each model, cloud and version that was asked something, or whose servers are scraped and run. A try
        that another cloud made good counts as an error here, of the cloud that failed.
        """
        found: dict[tuple[str, str, str], dict[str, float]] = defaultdict(dict)
        targets: dict[tuple[str, str, str], str] = {}
        for row in self._ask(query(seconds, model)):
            labels, value = row["metric"], float(row["value"][1])
            key = (labels["model"], labels.get("cloud", ""), labels.get("version", ""))
            if key[1] in CLOUDS and math.isfinite(value):
                found[key][labels["figure"]] = value
                targets[key] = labels.get("target", "") or targets.get(key, "")
        kept = {key: of for key, of in found.items() if of.get("requests") or of.get("instances")}
        return [_figures(*key, targets[key], of) for key, of in sorted(kept.items())]

    def _ask(self, expression: str) -> list[dict[str, Any]]:
        if not self.url:
            raise Unavailable("No Prometheus is configured.", hint="Set INTERMODAL_PROMETHEUS_URL to its address.")
        shown = httpx.URL(self.url).copy_with(userinfo=b"")
        try:
            answer = _client().post(
                f"{self.url.rstrip('/')}/api/v1/query", data={"query": expression}, timeout=self.seconds
            )
            if answer.status_code in (401, 403):
                raise Refused(
                    f"Prometheus at {shown} says {answer.status_code}.", hint="Check the credentials in its URL."
                )
            said = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise Unavailable(
                f"Prometheus does not answer at {shown}: {type(error).__name__}.",
                hint="Start it, or look at the gateway's own figures meanwhile.",
            ) from error
        if answer.status_code != 200 or said.get("status") != "success":
            raise Unavailable(
                f"Prometheus at {shown} cannot answer: {said.get('error', answer.status_code)}.",
                hint="Has it loaded deploy/prometheus/rules/recording.yml?",
            )
        rows: list[dict[str, Any]] = said["data"]["result"]
        return rows


def _figures(model: str, cloud: str, version: str, target: str, of: Mapping[str, float]) -> Figures:
    requests = of.get("requests", 0.0)
    return Figures(
        source="prometheus",
        model=model,
        cloud=parse_cloud(cloud),
        target=target,
        version=version,
        requests=requests,
        error_rate=min(1.0, of.get("failed", 0.0) / requests) if requests else 0.0,
        throttled=min(1.0, of.get("throttled", 0.0) / requests) if requests else None,
        p50_ms=of.get("p50_ms"),
        p95_ms=of.get("p95_ms"),
        p99_ms=of.get("p99_ms"),
        saturation=of.get("saturation"),
        instances=int(of["instances"]) if "instances" in of else None,
    )


@cache
def _client() -> httpx.Client:
    """Thread-safe, and made once: its TLS context costs tens of milliseconds."""
    return httpx.Client()
