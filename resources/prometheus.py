"""Figures from Prometheus. Fulfils the port ``Metrics`` over Prometheus' HTTP API.

Prometheus must have loaded ``deploy/prometheus/rules/recording.yml``, which defines what a failure is and replaces
Envoy's own names. Figures are of the gateway's tries and, where servers are scraped, of their load.
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

from intermodal.platform.errors import Refused, SpecError, Unavailable
from intermodal.platform.ports.metrics import Figures
from intermodal.platform.targets import Target, parse_target

BY = "model, target, version"
QUERIES: Mapping[str, str] = {
    "requests": f"sum by ({BY}) (rate(intermodal:tries:total{{@}}[@]))",
    "failed": f"sum by ({BY}) (rate(intermodal:tries_failed:total{{@}}[@]))",
    "throttled": f"sum by ({BY}) (rate(intermodal:tries_throttled:total{{@}}[@]))",
    **{
        f"p{percent}_ms": f"histogram_quantile(0.{percent}, "
        f"sum by ({BY}, le) (rate(envoy_intermodal_tries_time_us_bucket{{@}}[@]))) / 1e3"
        for percent in (50, 95, 99)
    },
    "saturation": f"avg by ({BY}) (avg_over_time(intermodal:servers:saturation{{@}}[@]))",
    "instances": f"sum by ({BY}) (intermodal:servers:ready{{@}})",
}
"""Figure → PromQL, where ``{@}`` stands for the model's selector and ``[@]`` for the span."""


def query(seconds: float, model: str = "") -> str:
    """One expression for all figures, so that they are of the same moment. The label ``figure`` distinguishes them."""
    selector = f"{{model={json.dumps(model)}}}" if model else '{model!=""}'
    span = f"[{max(1, round(seconds * 1000))}ms]"
    parts = (
        f'label_replace({text.replace("{@}", selector).replace("[@]", span)}, "figure", "{figure}", "", "")'
        for figure, text in QUERIES.items()
    )
    return " or ".join(parts)


class PrometheusMetrics(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Prometheus at ``url``. Errors: Unavailable (no response, or one without figures), Refused."""

    url: str = Field(default="", description="Such as http://127.0.0.1:9090.")
    seconds: float = Field(default=5.0, gt=0, description="Limit of a query, in seconds.")

    @property
    def source(self) -> str:
        return "prometheus"

    def read(self, seconds: float, model: str = "") -> Sequence[Figures]:
        """Figures of the last ``seconds``, which should span two scrapes at least.

        A row for each model, target and version that had a try, or whose servers are scraped and run. A try whose
        retry on another target succeeded counts as an error here, of the target that failed.
        """
        found: dict[tuple[str, Target, str], dict[str, float]] = defaultdict(dict)
        for row in self._query(query(seconds, model)):
            labels, value = row["metric"], float(row["value"][1])
            target = _target(labels.get("target", ""))
            if target is not None and math.isfinite(value):
                found[labels["model"], target, labels.get("version", "")][labels["figure"]] = value
        kept = {key: values for key, values in found.items() if values.get("requests") or values.get("instances")}
        return [_figures(*key, values) for key, values in sorted(kept.items())]

    def _query(self, expression: str) -> list[dict[str, Any]]:
        """The rows of an instant query."""
        if not self.url:
            raise Unavailable("No Prometheus is configured.", hint="Set INTERMODAL_PROMETHEUS_URL to its address.")
        address = httpx.URL(self.url).copy_with(userinfo=b"")
        try:
            answer = _client().post(
                f"{self.url.rstrip('/')}/api/v1/query", data={"query": expression}, timeout=self.seconds
            )
            if answer.status_code in (401, 403):
                raise Refused(
                    f"Prometheus at {address} answers {answer.status_code}.", hint="Check the credentials in its URL."
                )
            document = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise Unavailable(
                f"Prometheus does not answer at {address}: {type(error).__name__}.",
                hint="Start it. Meanwhile, use the gateway's own figures.",
            ) from error
        if answer.status_code != 200 or document.get("status") != "success":
            raise Unavailable(
                f"Prometheus at {address} cannot answer: {document.get('error', answer.status_code)}.",
                hint="Has it loaded deploy/prometheus/rules/recording.yml?",
            )
        rows: list[dict[str, Any]] = document["data"]["result"]
        return rows


def _target(text: str) -> Target | None:
    """None for a series without a target, such as those recorded before the label existed."""
    try:
        return parse_target(text)
    except SpecError:
        return None


def _figures(model: str, target: Target, version: str, values: Mapping[str, float]) -> Figures:
    requests = values.get("requests", 0.0)
    return Figures(
        source="prometheus",
        model=model,
        target=target,
        version=version,
        requests=requests,
        error_rate=min(1.0, values.get("failed", 0.0) / requests) if requests else 0.0,
        throttled=min(1.0, values.get("throttled", 0.0) / requests) if requests else None,
        p50_ms=values.get("p50_ms"),
        p95_ms=values.get("p95_ms"),
        p99_ms=values.get("p99_ms"),
        saturation=values.get("saturation"),
        instances=int(values["instances"]) if "instances" in values else None,
    )


@cache
def _client() -> httpx.Client:
    """A shared, thread-safe client: creating its TLS context takes tens of milliseconds."""
    return httpx.Client()
