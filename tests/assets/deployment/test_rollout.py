"""A new version's way to all traffic, by the jobs and sensors of real definitions; the gateway's counts are given."""

from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import pytest

from intermodal.platform.errors import Unavailable
from intermodal.platform.ports.endpoints import endpoint_name
from intermodal.platform.ports.gateway import Tries
from intermodal.platform.ports.rollouts import Rollout
from intermodal.sensors.deployments import deployments
from intermodal.sensors.rollouts import rollouts
from intermodal.sensors.toolkit.jobs import jobs_of
from tests.assets.conftest import World, world_of
from tests.targets import AWS, AZURE, GCP

OLD, NEW = "1.0.0", "1.1.0"
POLICY = "  rollout: {steps: [20, 50, 100], pause: 1s, min_requests: 100, max_error_rate_increase: 0.05}\n"
GOOD, BAD = 0, 60
"""Failures of a hundred requests."""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with world_of(tmp_path, POLICY) as made:
        yield made


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time of asset and sensor, in Unix seconds."""
    now = [1_000_000.0]
    for module in ("intermodal.assets.deployment.rollout", "intermodal.sensors.rollouts"):
        monkeypatch.setattr(import_module(module), "time", SimpleNamespace(time=lambda: now[0]))
    return now


@pytest.fixture
def begun(world: World, clock: list[float]) -> World:
    """1.0.0 serves, and 1.1.0 is at its first step."""
    assert clock
    assert world.run("train_and_deploy_wine").success
    assert world.metadata("rollout")["state"].startswith("no rollout: the model has no route")
    train(world, "2020-04-01")
    assert world.run("deploy_wine").success
    return world


def train(world: World, month: str) -> None:
    """A version that was trained on March's bottles in another month too: the gate prefers it."""
    for stage in ("dataset", "features"):
        world.tables.write("wine", stage, month, world.tables.read("wine", stage, "2020-03-01"))
    assert world.run("train_wine").success


def kept(world: World) -> Rollout:
    found = world.resources["rollouts"].get("wine")
    assert isinstance(found, Rollout)
    return found


def answer(world: World, failed: int = GOOD, requests: int = 2000) -> None:
    """Each version answers so many requests more; of the new one's, ``failed`` in a hundred are failures."""
    tries = world.gateway.tried.setdefault("wine", {})
    for version, bad in ((OLD, 0), (NEW, requests * failed // 100)):
        good = {500.0: requests - bad, float("inf"): requests - bad}
        tries[AWS, version] = tries.get((AWS, version), Tries()) + Tries({"200": requests - bad, "503": bad}, good)


def requested(world: World, sensor: Callable[..., dg.SensorDefinition], verb: str) -> list[str | None]:
    context = dg.build_sensor_context(
        instance=world.instance, resources=world.resources, repository_def=world.defs.get_repository_def()
    )
    result = sensor(jobs_of(world.defs.jobs or (), verb)).evaluate_tick(context)
    return [request.job_name for request in result.run_requests or ()]


def go_on(world: World, clock: list[float]) -> list[str | None]:
    """A pause later the sensor looks, and what it requests is run."""
    clock[0] += 2
    found = requested(world, rollouts, "rollout")
    for job in found:
        assert world.run(str(job)).success
    return found


def served(world: World) -> tuple[str, int]:
    """The route's version, and the canary's share."""
    route, canary = world.gateway.route("wine"), world.gateway.canary("wine")
    assert route is not None
    return route.version, canary.share if canary else 0


def running(world: World) -> set[str]:
    return {name for target in (AWS, GCP, AZURE) for name in world.targets[target].endpoints}


def both(*versions: str) -> set[str]:
    return {endpoint_name("wine", version, "sandbox") for version in versions}


def test_rollout_begins_with_its_first_share(begun: World) -> None:
    assert served(begun) == (OLD, 20)
    assert running(begun) == both(OLD, NEW)
    assert begun.metadata("route")["rollout"] == f"progressing: 20 % of requests go to {NEW}"
    assert requested(begun, deployments, "deploy") == []


def test_rollout_of_a_good_version_serves_it_alone_in_the_end(begun: World, clock: list[float]) -> None:
    answer(begun)
    assert go_on(begun, clock) == ["rollout_wine"]
    assert served(begun) == (OLD, 50)
    assert go_on(begun, clock) == []  # nothing came in this step
    answer(begun)
    assert go_on(begun, clock) == ["rollout_wine"]
    assert served(begun) == (NEW, 0)
    assert running(begun) == both(NEW)
    assert kept(begun).phase == "promoted"
    assert (begun.metadata("route")["version"], begun.metadata("rollout")["share_percent"]) == (NEW, 100)
    assert go_on(begun, clock) == []
    assert requested(begun, deployments, "deploy") == []
    assert [notice.severity for notice in begun.notifier.sent if notice.key.startswith("rollout-")] == ["info"]


def test_rollout_of_a_bad_version_gives_the_old_one_everything(begun: World, clock: list[float]) -> None:
    answer(begun, BAD)
    assert go_on(begun, clock) == ["rollout_wine"]
    assert served(begun) == (OLD, 0)
    assert running(begun) == both(OLD)
    assert "errors" in begun.metadata("rollout")["decision"]
    assert begun.metadata("rollout")["new_errors_share"] == 0.6
    assert go_on(begun, clock) == []
    assert requested(begun, deployments, "deploy") == []
    (notice,) = (notice for notice in begun.notifier.sent if notice.key.startswith("rollout-"))
    assert (notice.severity, notice.owner) == ("warning", "team:cellar")
    assert "intermodal rollout retry wine" in notice.text


def test_rollout_that_was_aborted_can_be_tried_again(begun: World, clock: list[float]) -> None:
    answer(begun, BAD)
    go_on(begun, clock)
    assert begun.run("deploy_wine").success
    assert served(begun) == (OLD, 0)
    assert begun.run("deploy_wine", {"ops": {"wine__rollout": {"config": {"retry": True}}}}).success
    assert served(begun) == (OLD, 20)
    answer(begun)
    go_on(begun, clock)
    assert served(begun) == (OLD, 50)


def test_rollout_run_twice_takes_one_step(begun: World, clock: list[float]) -> None:
    answer(begun)
    clock[0] += 2
    assert begun.run("rollout_wine").success
    assert begun.run("rollout_wine").success
    assert served(begun) == (OLD, 50)
    assert (kept(begun).step, len(kept(begun).entries)) == (1, 2)


def test_rollout_killed_before_the_gateway_goes_on(
    begun: World, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The step is kept, and the gateway has the old share."""
    answer(begun)
    with monkeypatch.context() as patch:
        patch.setattr(begun.gateway, "split", _fails)
        clock[0] += 2
        assert not begun.run("rollout_wine").success
    assert (served(begun), kept(begun).share) == ((OLD, 20), 50)
    assert go_on(begun, clock) == ["rollout_wine"]
    assert served(begun) == (OLD, 50)


@pytest.mark.parametrize("failed", [GOOD, BAD])
def test_rollout_killed_before_its_end_is_carried_out(
    begun: World, clock: list[float], monkeypatch: pytest.MonkeyPatch, failed: int
) -> None:
    answer(begun)
    go_on(begun, clock)
    answer(begun, failed)
    with monkeypatch.context() as patch:
        patch.setattr(begun.gateway, "split", _fails)
        patch.setattr(begun.gateway, "publish", _fails)
        clock[0] += 2
        assert not begun.run("rollout_wine").success
    assert not kept(begun).is_open
    if failed:
        assert go_on(begun, clock) == ["rollout_wine"]
        assert (served(begun), running(begun)) == ((OLD, 0), both(OLD))
    else:
        assert requested(begun, deployments, "deploy") == ["deploy_wine"]
        assert begun.run("deploy_wine").success
        assert (served(begun), running(begun)) == ((NEW, 0), both(NEW))


def test_rollout_is_lost_to_the_gateway_and_begun_again(begun: World, clock: list[float]) -> None:
    begun.gateway.split("wine", None)
    assert go_on(begun, clock) == ["rollout_wine"]
    assert served(begun) == (OLD, 20)


def test_rollout_of_a_newer_champion_replaces_the_one_that_goes_on(begun: World) -> None:
    train(begun, "2020-05-01")
    assert requested(begun, deployments, "deploy") == ["deploy_wine"]
    assert begun.run("deploy_wine").success
    canary = begun.gateway.canary("wine")
    assert canary is not None
    assert (canary.route.version, canary.share, kept(begun).new.version) == ("1.2.0", 20, "1.2.0")


@pytest.mark.parametrize("killed", [False, True])
def test_rollout_ends_when_the_old_version_is_champion_again(
    begun: World, clock: list[float], monkeypatch: pytest.MonkeyPatch, killed: bool
) -> None:
    (old,) = (version for version in begun.registry.versions("wine") if version.version == OLD)
    begun.registry.promote(old)
    assert requested(begun, deployments, "deploy") == ["deploy_wine"]
    if killed:
        with monkeypatch.context() as patch:
            patch.setattr(begun.gateway, "split", _fails)
            assert not begun.run("deploy_wine").success
        assert (served(begun), go_on(begun, clock)) == ((OLD, 20), ["rollout_wine"])
    else:
        assert begun.run("deploy_wine").success
    assert (served(begun), running(begun)) == ((OLD, 0), both(OLD))
    assert (kept(begun).phase, kept(begun).entries[-1].text) == ("aborted", f"aborted: the route has version {OLD}")
    assert go_on(begun, clock) == []
    assert requested(begun, deployments, "deploy") == []


def test_rollout_that_cannot_be_read_is_named_and_nothing_is_decided(
    begun: World, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(begun.resources["rollouts"], "get", _fails)
    assert go_on(begun, clock) == []
    assert requested(begun, deployments, "deploy") == []


def _fails(*_: object) -> None:
    raise Unavailable("It does not answer.")
