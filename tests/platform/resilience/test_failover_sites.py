"""Several targets per cloud and region: targets of one site fail together, and other sites take over."""

import pytest

from intermodal.platform.ports.incidents import Entry, Incident
from intermodal.platform.resilience.failover import TOGETHER_SECONDS, Outage, fail_over
from intermodal.platform.targets import Target
from tests.failover_world import MODEL, NAME, World, build_world
from tests.targets import AWS, AWS_EU, AZURE, EKS, GCP

GCP_EU = Target("gcp", "cloud-run", "europe-west1")
WIDE = [str(target) for target in (AWS, EKS, AWS_EU, GCP)]


def notices(world: World) -> list[tuple[str, str]]:
    return [(notice.severity, notice.title) for notice in world.notices]


def incident_of(world: World, target: object) -> Incident:
    (found,) = [incident for incident in world.incidents.all() if incident.target == target]
    return found


def test_site_that_fails_is_one_notice_for_all_its_targets() -> None:
    world = build_world(serve=WIDE)
    world.kill_cloud("aws@default")
    world.run_until_stable()
    assert {incident.target for incident in world.incidents.all()} == {AWS, EKS}
    assert notices(world) == [
        ("page", "aws/eks, aws/sagemaker cannot serve flight_delay"),
        ("info", "flight_delay has its capacity again without aws/eks, aws/sagemaker"),
    ]
    assert all(incident.has("notified", "down") for incident in world.incidents.all())
    assert all(incident.has("notified", "capacity") for incident in world.incidents.all())
    assert world.gateway.routes[MODEL].weights == {AWS: 0, EKS: 0, AWS_EU: 25, GCP: 75}
    assert (world.targets[GCP].replicas, world.targets[AWS_EU].replicas) == ({NAME: 3}, {NAME: 1})


def test_site_that_recovers_gives_every_target_its_share() -> None:
    world = build_world(serve=WIDE)
    world.kill_cloud("aws@default")
    world.run_until_stable()
    world.revive("aws@default")
    world.run_until_stable()
    assert not world.incidents.all(open_only=True)
    assert world.gateway.routes[MODEL].weights == {AWS: 25, EKS: 25, AWS_EU: 25, GCP: 25}
    assert all(world.targets[target].replicas == {NAME: 1} for target in (AWS, EKS, AWS_EU, GCP))
    assert sorted(title for _, title in notices(world)[2:]) == [
        "aws/eks serves flight_delay again",
        "aws/sagemaker serves flight_delay again",
    ]


def test_target_that_fails_later_gets_a_notice_of_its_own() -> None:
    third = "aws/fargate"
    world = build_world(serve=[*WIDE, third])
    world.kill_cloud(str(AWS), str(EKS))
    world.run_until_stable()
    assert len(world.notices) == 2
    world.clock += 120
    world.kill_cloud(third)
    world.run_until_stable()
    assert notices(world)[2:] == [
        ("page", "aws/fargate cannot serve flight_delay"),
        ("info", "flight_delay has its capacity again without aws/fargate"),
    ]
    assert len({notice.key for notice in world.notices}) == 4
    assert len(world.incidents.all(open_only=True)) == 3


def test_targets_of_two_sites_that_fail_at_once_are_two_notices() -> None:
    world = build_world(serve=WIDE)
    world.kill_cloud(str(AWS), str(AWS_EU))
    world.run_until_stable()
    assert sorted(title for severity, title in notices(world) if severity == "page") == [
        "aws/sagemaker cannot serve flight_delay",
        "aws/sagemaker@eu-west-1 cannot serve flight_delay",
    ]


@pytest.mark.parametrize(("apart", "pages"), [(TOGETHER_SECONDS, 1), (TOGETHER_SECONDS + 1, 2)])
def test_targets_of_a_site_fail_together_within_a_minute(apart: float, pages: int) -> None:
    world = build_world(serve=WIDE)
    world.kill_cloud(str(AWS), str(EKS))
    for target, onset in ((AWS, 1000.0), (EKS, 1000.0 + apart)):
        world.incidents.open(Incident(f"i-{target.dotted}", MODEL, target, onset))
    for target, onset in ((AWS, 1000.0), (EKS, 1000.0 + apart)):
        fail_over(world.ports(), world.spec, Outage(f"i-{target.dotted}", target, onset))
    assert sum(notice.severity == "page" for notice in world.notices) == pages


def test_notice_that_was_not_delivered_counts_for_no_incident() -> None:
    world = build_world(serve=WIDE)
    world.notifier.failing = 2
    world.kill_cloud("aws@default")
    world.run_until_stable()
    assert all(incident.has("notified", "down") for incident in world.incidents.all())
    assert [title for severity, title in notices(world) if severity == "page"] == [
        "aws/eks, aws/sagemaker cannot serve flight_delay"
    ]


def test_cloud_that_fails_in_all_regions_leaves_the_others() -> None:
    world = build_world(serve=[*WIDE, str(AZURE)])
    world.kill_cloud("aws")
    world.run_until_stable()
    assert world.gateway.routes[MODEL].weights[AWS_EU] == 0
    assert (
        sum(sum(adapter.replicas.values()) for target, adapter in world.targets.items() if target.cloud != "aws") == 5
    )
    assert sum(notice.severity == "page" for notice in world.notices) == 2  # a notice for each site


def test_cold_target_of_another_region_starts_last() -> None:
    world = build_world(serve=[str(AWS), str(AWS_EU)], failover={"cold": ["aws@eu-west-1"]})
    assert world.targets[AWS_EU].replicas == {}
    world.kill_cloud("aws@default")
    world.run_until_stable()
    assert world.targets[AWS_EU].replicas == {NAME: 1}
    assert world.gateway.routes[MODEL].weights == {AWS: 0, AWS_EU: 100}
    world.revive("aws@default")
    world.run_until_stable()
    assert world.gateway.routes[MODEL].weights == {AWS: 100}
    assert world.targets[AWS_EU].replicas == {}


def test_weights_of_a_site_follow_its_capacity_and_come_back() -> None:
    world = build_world(
        serve=[*WIDE, str(GCP_EU)], route={"policy": "weighted", "weights": {"aws@default": 60, "gcp": 40}}
    )
    before = dict(world.gateway.routes[MODEL].weights)
    assert before == {AWS: 60, EKS: 60, AWS_EU: 0, GCP: 40, GCP_EU: 40}
    world.kill_cloud("aws@default")
    world.run_until_stable()
    weights = world.gateway.routes[MODEL].weights
    assert (weights[AWS], weights[EKS]) == (0, 0)
    assert sum(weights.values()) == 200
    world.revive("aws@default")
    world.run_until_stable()
    assert world.gateway.routes[MODEL].weights == before


def test_incident_of_one_target_leaves_its_site() -> None:
    world = build_world(serve=WIDE)
    world.kill_cloud(str(EKS))
    world.run_until_stable()
    assert incident_of(world, EKS).is_open
    assert world.notices[0].title == "aws/eks cannot serve flight_delay"
    assert world.targets[AWS].replicas == {NAME: 1}
    assert world.targets[GCP].replicas == {NAME: 2}


def test_failover_during_a_recovery_that_has_its_share_back_uses_that_target() -> None:
    world = build_world(serve=[str(AWS), str(GCP)])
    world.kill_cloud("aws")
    world.run_until_stable()
    world.revive("aws")
    incident = incident_of(world, AWS)
    for step in ("recovering", "current", "share back"):
        world.incidents.note(incident.id, Entry(world.clock, step, "0", step))
    ctx = world.ports(kill=False)
    assert (ctx.unavailable(MODEL), ctx.not_serving(MODEL)) == ({AWS}, frozenset())
    endpoint = world.targets[AWS].describe(NAME)
    assert endpoint is not None
    world.gateway.shift(MODEL, {AWS: 50, GCP: 50}, [world.targets[AWS].upstream(endpoint)])
    world.kill_cloud("gcp")
    fail_over(ctx, world.spec, Outage("m-gcp-1", GCP, world.clock))
    assert world.gateway.routes[MODEL].weights == {AWS: 100, GCP: 0}
    assert not any("No target is left" in notice.text for notice in world.notices)
