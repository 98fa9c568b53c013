"""Several targets per cloud and region: targets of one site fail together, and other sites take over."""

import pytest

from intermodal.platform.ports.incidents import Incident
from intermodal.platform.resilience.failover import TOGETHER_SECONDS, Outage, fail_over
from intermodal.platform.targets import Target
from tests.failover_world import MODEL, NAME, World
from tests.failover_world import world as build
from tests.targets import AWS, AWS_EU, AZURE, EKS, GCP

GCP_EU = Target("gcp", "cloud-run", "europe-west1")
WIDE = [str(target) for target in (AWS, EKS, AWS_EU, GCP)]


def notices(at: World) -> list[tuple[str, str]]:
    return [(notice.severity, notice.title) for notice in at.told]


def incident_of(at: World, target: object) -> Incident:
    (found,) = [incident for incident in at.incidents.all() if incident.target == target]
    return found


def test_site_that_fails_is_one_notice_for_all_its_targets() -> None:
    at = build(serve=WIDE)
    at.kill_cloud("aws@default")
    at.settle()
    assert {incident.target for incident in at.incidents.all()} == {AWS, EKS}
    assert notices(at) == [
        ("page", "aws/eks, aws/sagemaker cannot serve flight_delay"),
        ("info", "flight_delay has its capacity again without aws/eks, aws/sagemaker"),
    ]
    assert all(incident.has("notified", "down") for incident in at.incidents.all())
    assert all(incident.has("notified", "capacity") for incident in at.incidents.all())
    assert at.gateway.routes[MODEL].weights == {AWS: 0, EKS: 0, AWS_EU: 25, GCP: 75}
    assert (at.targets[GCP].replicas, at.targets[AWS_EU].replicas) == ({NAME: 3}, {NAME: 1})


def test_site_that_recovers_gives_every_target_its_share() -> None:
    at = build(serve=WIDE)
    at.kill_cloud("aws@default")
    at.settle()
    at.revive("aws@default")
    at.settle()
    assert not at.incidents.all(open_only=True)
    assert at.gateway.routes[MODEL].weights == {AWS: 25, EKS: 25, AWS_EU: 25, GCP: 25}
    assert all(at.targets[target].replicas == {NAME: 1} for target in (AWS, EKS, AWS_EU, GCP))
    assert sorted(title for _, title in notices(at)[2:]) == [
        "aws/eks serves flight_delay again",
        "aws/sagemaker serves flight_delay again",
    ]


def test_target_that_fails_later_gets_a_notice_of_its_own() -> None:
    third = "aws/fargate"
    at = build(serve=[*WIDE, third])
    at.kill_cloud(str(AWS), str(EKS))
    at.settle()
    assert len(at.told) == 2
    at.clock += 120
    at.kill_cloud(third)
    at.settle()
    assert notices(at)[2:] == [
        ("page", "aws/fargate cannot serve flight_delay"),
        ("info", "flight_delay has its capacity again without aws/fargate"),
    ]
    assert len({notice.key for notice in at.told}) == 4
    assert len(at.incidents.all(open_only=True)) == 3


def test_targets_of_two_sites_that_fail_at_once_are_two_notices() -> None:
    at = build(serve=WIDE)
    at.kill_cloud(str(AWS), str(AWS_EU))
    at.settle()
    assert sorted(title for severity, title in notices(at) if severity == "page") == [
        "aws/sagemaker cannot serve flight_delay",
        "aws/sagemaker@eu-west-1 cannot serve flight_delay",
    ]


@pytest.mark.parametrize(("apart", "pages"), [(TOGETHER_SECONDS, 1), (TOGETHER_SECONDS + 1, 2)])
def test_targets_of_a_site_fail_together_within_a_minute(apart: float, pages: int) -> None:
    at = build(serve=WIDE)
    at.kill_cloud(str(AWS), str(EKS))
    for target, onset in ((AWS, 1000.0), (EKS, 1000.0 + apart)):
        at.incidents.open(Incident(f"i-{target.dotted}", MODEL, target, onset))
    for target, onset in ((AWS, 1000.0), (EKS, 1000.0 + apart)):
        fail_over(at.ports(), at.spec, Outage(f"i-{target.dotted}", target, onset))
    assert sum(notice.severity == "page" for notice in at.told) == pages


def test_notice_that_was_not_delivered_counts_for_no_incident() -> None:
    at = build(serve=WIDE)
    at.notifier.failing = 2
    at.kill_cloud("aws@default")
    at.settle()
    assert all(incident.has("notified", "down") for incident in at.incidents.all())
    assert [title for severity, title in notices(at) if severity == "page"] == [
        "aws/eks, aws/sagemaker cannot serve flight_delay"
    ]


def test_cloud_that_fails_in_all_regions_leaves_the_others() -> None:
    at = build(serve=[*WIDE, str(AZURE)])
    at.kill_cloud("aws")
    at.settle()
    assert at.gateway.routes[MODEL].weights[AWS_EU] == 0
    assert sum(sum(adapter.replicas.values()) for target, adapter in at.targets.items() if target.cloud != "aws") == 5
    assert sum(notice.severity == "page" for notice in at.told) == 2  # a notice for each site


def test_cold_target_of_another_region_starts_when_its_cloud_is_all_that_is_left() -> None:
    at = build(serve=[str(AWS), str(AWS_EU)], failover={"cold": ["aws@eu-west-1"]})
    assert at.targets[AWS_EU].replicas == {}
    at.kill_cloud("aws@default")
    at.settle()
    assert at.targets[AWS_EU].replicas == {NAME: 1}
    assert at.gateway.routes[MODEL].weights == {AWS: 0, AWS_EU: 100}
    at.revive("aws@default")
    at.settle()
    assert at.gateway.routes[MODEL].weights == {AWS: 100}
    assert at.targets[AWS_EU].replicas == {}


def test_weights_of_a_site_follow_its_capacity_and_come_back() -> None:
    at = build(serve=[*WIDE, str(GCP_EU)], route={"policy": "weighted", "weights": {"aws@default": 60, "gcp": 40}})
    before = dict(at.gateway.routes[MODEL].weights)
    assert before == {AWS: 60, EKS: 60, AWS_EU: 0, GCP: 40, GCP_EU: 40}
    at.kill_cloud("aws@default")
    at.settle()
    weights = at.gateway.routes[MODEL].weights
    assert (weights[AWS], weights[EKS]) == (0, 0)
    assert sum(weights.values()) == 200
    at.revive("aws@default")
    at.settle()
    assert at.gateway.routes[MODEL].weights == before


def test_incident_of_one_target_leaves_its_site() -> None:
    at = build(serve=WIDE)
    at.kill_cloud(str(EKS))
    at.settle()
    assert incident_of(at, EKS).is_open
    assert at.told[0].title == "aws/eks cannot serve flight_delay"
    assert at.targets[AWS].replicas == {NAME: 1}
    assert at.targets[GCP].replicas == {NAME: 2}
