"""Callers and clouds side by side."""

import pytest

from intermodal.platform.ports.metrics import Figures
from intermodal.platform.targets import CLOUDS
from tests.assets.conftest import World
from tests.assets.monitoring.watching_world import look


def test_health_puts_callers_and_clouds_side_by_side(deployed: World) -> None:
    for key, source in deployed.metrics.items():
        cloud = key.split("_")[0] if key.split("_")[0] in CLOUDS else "aws"
        source.figures = [Figures(source.source, "wine", cloud, version="1.0.0", requests=3.0, p95_ms=12.0)]  # type: ignore[arg-type]
    found = look(deployed, "health")
    assert found["source"] == "prometheus"
    assert found["aws_p95_ms"] == 12.0
    assert all(name in found["side_by_side"] for name in ("aws-monitor", "gcp-monitor", "azure-monitor", "prometheus"))
    names = {name for name, _, _ in deployed.gauges.pushed["monitor-wine"]}
    assert "intermodal_monitor_p95_seconds" in names


def test_what_only_the_clouds_see_is_plotted_too(deployed: World) -> None:
    prometheus = [Figures("prometheus", "wine", cloud, requests=3.0, throttled=0.5) for cloud in CLOUDS]
    deployed.metrics["metrics"].figures = prometheus
    busy = Figures("cloudwatch", "wine", "aws", version="1.0.0", requests=2.0, instances=2)
    left = Figures("cloudwatch", "wine", "aws", version="0.9.0", requests=0.1, instances=1, throttled=0.3)
    deployed.metrics["aws_metrics"].figures = [busy, left]
    run = Figures("cloud-monitoring", "wine", "gcp", requests=1.0, throttled=0.12345, instances=0, cold_starts=4)
    deployed.metrics["gcp_metrics"].figures = [run]
    found = look(deployed, "health")
    names = ("throttled", "instances", "cold_starts")
    assert {name: value for name, value in found.items() if name.endswith(names)} == {
        "aws_instances": 2,
        "aws_throttled": 0.3,
        "gcp_throttled": 0.1235,
        "gcp_instances": 0,
        "gcp_cold_starts": 4,
    }


@pytest.mark.parametrize("source", ["prometheus", "gateway"])
def test_the_target_that_the_gateway_does_not_know_is_the_specs(deployed: World, source: str) -> None:
    deployed.metrics["metrics"].down = source == "gateway"
    figures = [Figures(source, "wine", "gcp", requests=7.0), Figures(source, "wine", "aws", target="aws/other")]
    deployed.metrics["metrics" if source == "prometheus" else "gateway_metrics"].figures = figures
    table = look(deployed, "health")["side_by_side"]
    assert f"| gcp | gcp/cloud-run |  | {source} | 7 |" in table
    assert f"| aws | aws/other |  | {source} | 0 |" in table


def test_without_prometheus_the_gateway_is_asked(deployed: World) -> None:
    deployed.metrics["metrics"].down = True
    deployed.metrics["gateway_metrics"].figures = [Figures("gateway", "wine", "gcp", requests=7.0)]
    found = look(deployed, "health")
    assert found["source"] == "gateway"
    assert found["gcp_requests"] == 7.0
    assert "prometheus does not answer" in found["not_read"]
