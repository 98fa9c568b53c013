"""Callers and platforms side by side."""

from intermodal.platform.ports.metrics import Figures
from tests.assets.conftest import World
from tests.assets.monitoring.watching_world import look
from tests.targets import AWS, EKS, GCP, TARGETS


def test_health_table_has_callers_and_monitors_side_by_side(deployed: World) -> None:
    deployed.metrics["metrics"].figures = [Figures("prometheus", "wine", AWS, "1.0.0", requests=3.0, p95_ms=12.0)]
    for target in TARGETS:
        deployed.targets[target].measured = [Figures(f"{target.cloud}-monitor", "wine", target, p95_ms=9.0)]
    found = look(deployed, "health")
    assert found["source"] == "prometheus"
    assert found["aws/sagemaker_p95_ms"] == 12.0
    assert found["side_by_side"].startswith("| target | version | source | requests/s |")
    assert "| aws/sagemaker | 1.0.0 | prometheus | 3 |" in found["side_by_side"]
    assert all(name in found["side_by_side"] for name in ("aws-monitor", "gcp-monitor", "azure-monitor"))
    pushed = {name: labels for name, labels, _ in deployed.gauges.pushed["monitor-wine"]}
    assert pushed["intermodal_monitor_p95_seconds"].keys() == {"model", "target", "cloud", "version", "source"}


def test_health_figures_of_monitors_only_are_plotted(deployed: World) -> None:
    prometheus = [Figures("prometheus", "wine", target, requests=3.0, throttled=0.5) for target in TARGETS]
    deployed.metrics["metrics"].figures = prometheus
    busy = Figures("cloudwatch", "wine", AWS, version="1.0.0", requests=2.0, instances=2)
    left = Figures("cloudwatch", "wine", AWS, version="0.9.0", requests=0.1, instances=1, throttled=0.3)
    deployed.targets[AWS].measured = [busy, left]
    run = Figures("cloud-monitoring", "wine", GCP, requests=1.0, throttled=0.12345, instances=0, cold_starts=4)
    deployed.targets[GCP].measured = [run]
    found = look(deployed, "health")
    names = ("throttled", "instances", "cold_starts")
    assert {name: value for name, value in found.items() if name.endswith(names)} == {
        "aws/sagemaker_instances": 2,
        "aws/sagemaker_throttled": 0.3,
        "gcp/cloud-run_throttled": 0.1235,
        "gcp/cloud-run_instances": 0,
        "gcp/cloud-run_cold_starts": 4,
    }


def test_health_targets_of_one_site_have_separate_rows(twin_world: World) -> None:
    figures = [Figures("prometheus", "wine", AWS, requests=3.0), Figures("prometheus", "wine", EKS, requests=5.0)]
    twin_world.metrics["metrics"].figures = figures
    twin_world.targets[EKS].measured = [Figures("container-insights", "wine", EKS, instances=2)]
    found = look(twin_world, "health")
    assert (found["aws/sagemaker_requests"], found["aws/eks_requests"], found["aws/eks_instances"]) == (3, 5, 2)
    assert "aws/sagemaker_instances" not in found


def test_health_target_that_does_not_answer_is_named(deployed: World) -> None:
    deployed.targets[GCP].gone = True
    deployed.targets[AWS].measured = [Figures("cloudwatch", "wine", AWS, instances=1)]
    found = look(deployed, "health")
    assert found["not_read"] == "gcp/cloud-run: gcp/cloud-run does not answer."
    assert found["aws/sagemaker_instances"] == 1


def test_health_without_prometheus_reads_the_gateway(deployed: World) -> None:
    deployed.metrics["metrics"].down = True
    deployed.metrics["gateway_metrics"].figures = [Figures("gateway", "wine", GCP, requests=7.0)]
    found = look(deployed, "health")
    assert found["source"] == "gateway"
    assert found["gcp/cloud-run_requests"] == 7.0
    assert "prometheus does not answer" in found["not_read"]
