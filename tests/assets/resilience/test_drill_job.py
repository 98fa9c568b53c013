"""A drill as a run on a deployed model: it ends its disturbance, and in production it needs confirmation."""

import pytest

from intermodal.platform.ports.gateway import Disturbance
from intermodal.platform.targets import Target
from tests.assets.conftest import World
from tests.assets.monitoring.watching_world import checked, drill
from tests.targets import AWS, EKS, GCP


def test_drill_job_ends_its_disturbance_and_reports_misses(deployed: World) -> None:
    result = drill(deployed, kind="outage", target="aws")
    assert result.success
    found = deployed.metadata("drill")
    assert found["drained_seconds"] < 0.3
    assert "capacity_seconds" not in found
    assert not found["passed"]
    assert "full capacity" in found["reasons"]
    assert deployed.gateway.disturbances() == {}
    assert not checked(deployed, "drill", "objectives")


def test_drill_job_finds_and_repairs_a_corrupt_mirror(deployed: World) -> None:
    before = dict(deployed.stores[GCP.site].objects)
    assert drill(deployed, kind="corrupt", target="gcp").success
    found = deployed.metadata("drill")
    assert found["detected_seconds"] >= 0
    assert {k: v for k, v in deployed.stores[GCP.site].objects.items() if "manifest" not in k} == {
        k: v for k, v in before.items() if "manifest" not in k
    }


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"kind": "outage", "target": "azure"}, "gets no traffic"),
        ({"kind": "outage", "target": "aws/eks"}, "Choose one of aws/sagemaker, gcp/cloud-run"),
        ({"kind": "outage", "target": "aws/"}, "is not a target"),
        ({"kind": "flood", "target": "aws"}, "Known drills"),
    ],
)
def test_drill_job_with_invalid_config_is_refused(deployed: World, config: dict[str, str], words: str) -> None:
    result = drill(deployed, **config)
    failure = next(event for event in result.all_events if event.is_step_failure)
    assert words in failure.step_failure_data.error.to_string()  # type: ignore[union-attr]


def test_drill_job_in_production_needs_confirmation(deployed: World) -> None:
    deployed.deployment.environment = "production"
    assert not drill(deployed, kind="throttle", target="aws").success
    assert drill(deployed, kind="throttle", target="aws", allow_production=True).success


def test_drill_job_without_a_target_uses_the_first_that_serves(deployed: World) -> None:
    assert drill(deployed, kind="outage").success
    assert deployed.metadata("drill")["scope"] == "aws/sagemaker"


@pytest.mark.parametrize(
    ("text", "disturbed"), [("aws", {AWS, EKS}), ("aws@default", {AWS, EKS}), ("aws/eks", {EKS}), ("gcp", {GCP})]
)
def test_drill_job_disturbs_a_cloud_site_or_target(
    twin_world: World, monkeypatch: pytest.MonkeyPatch, text: str, disturbed: set[Target]
) -> None:
    begun, disturb = set[Target](), twin_world.gateway.disturb

    def noting(target: Target, disturbance: Disturbance | None) -> None:
        begun.add(target)
        disturb(target, disturbance)

    monkeypatch.setattr(twin_world.gateway, "disturb", noting)
    assert drill(twin_world, kind="outage", target=text).success
    assert begun == disturbed
    assert twin_world.metadata("drill")["scope"] == text
    assert twin_world.gateway.disturbances() == {}
