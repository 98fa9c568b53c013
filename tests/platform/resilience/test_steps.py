"""Traffic returns by steps, and a failover does not begin while the others look bad too."""

from collections.abc import Mapping
from typing import Any

import pytest

from intermodal.platform.errors import Unavailable
from intermodal.platform.resilience.capacity import RouteChanged
from intermodal.platform.resilience.failover import Outage, fail_over
from intermodal.platform.resilience.steps import between, return_by_steps
from intermodal.platform.targets import Target
from tests.failover_world import MODEL, World, build_world
from tests.targets import AWS, AZURE, GCP

EVEN = {AWS: 34, GCP: 33, AZURE: 33}


def shifts_of(world: World, monkeypatch: pytest.MonkeyPatch) -> list[Mapping[Target, int]]:
    found, shift = list[Mapping[Target, int]](), world.gateway.shift

    def noted(model: str, weights: Mapping[Target, int], *added: Any) -> None:
        shift(model, weights, *added)
        found.append(dict(world.gateway.routes[MODEL].weights))

    monkeypatch.setattr(world.gateway, "shift", noted)
    return found


def test_recovered_target_gets_its_share_by_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    world = build_world()
    world.kill_cloud("aws")
    world.run_until_stable()
    world.revive("aws")
    shifts = shifts_of(world, monkeypatch)
    world.run_until_stable()
    assert [weights[AWS] for weights in shifts] == [0, 8, 17, 34]
    assert shifts[-1] == EVEN


def test_recovered_target_that_fails_a_step_loses_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    world = build_world()
    world.kill_cloud("aws")
    world.run_until_stable()
    before = dict(world.gateway.routes[MODEL].weights)
    world.revive("aws")
    sound = world.gateway.upstream_health

    def health(model: str) -> dict[Target, bool]:
        return {
            target: ok and not (target == AWS and world.gateway.routes[MODEL].weights[AWS])
            for target, ok in sound(model).items()
        }

    monkeypatch.setattr(world.gateway, "upstream_health", health)
    for _ in range(4):
        world.tick()
    assert "aws/sagemaker did not bear 8 % of the requests for 'flight_delay'." in world.failures
    assert world.gateway.routes[MODEL].weights == before


def test_target_seen_again_first_gets_no_more_than_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has an incident, and none was drained as none was left. The first recovery leaves the weights."""
    world = build_world()
    world.kill_cloud("aws", "gcp", "azure")
    world.run_until_stable()
    world.revive("azure")
    shifts = shifts_of(world, monkeypatch)
    for _ in range(20):
        if "recover" in str(world.tick()):
            break
    assert all(weights == EVEN for weights in shifts)


def test_failover_while_the_others_look_bad_moves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    world = build_world()
    monkeypatch.setattr(world.gateway, "upstream_health", lambda _: dict.fromkeys(EVEN, False))
    with pytest.raises(Unavailable, match="3 of 3 upstreams look bad together"):
        fail_over(world.ports(), world.spec, Outage("flight_delay-aws.sagemaker-1", AWS, 1.0))
    assert (world.incidents.all(), world.notices, world.changes) == ([], [], 0)
    assert world.gateway.routes[MODEL].weights == EVEN


def test_steps_end_when_another_version_is_published(monkeypatch: pytest.MonkeyPatch) -> None:
    world = build_world()
    world.gateway.shift(MODEL, {AWS: 0, GCP: 50, AZURE: 50})
    route, shifts = world.gateway.routes[MODEL], shifts_of(world, monkeypatch)

    def changed() -> None:
        raise RouteChanged("another version")

    with pytest.raises(RouteChanged):
        return_by_steps(world.ports(), route, EVEN, AWS, [], changed)
    assert [weights[AWS] for weights in shifts] == [8]


def test_between_compares_weights_of_other_scales() -> None:
    assert between({AWS: 0, GCP: 1}, {AWS: 60, GCP: 60}, 0.5) == {AWS: 25, GCP: 75}
