"""What is champion, or what a spec says, is deployed once, whatever happens."""

from collections.abc import Iterator
from types import SimpleNamespace

import dagster as dg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from intermodal.assets.runs import MODEL_TAG
from intermodal.platform.errors import IntermodalError
from intermodal.platform.ports.gateway import Route
from tests.sensors.deployments_world import DONE, RUNS, SERVED, SUCCESS, World, module, two_models
from tests.targets import AWS


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with two_models(monkeypatch) as made:
        yield made


def test_served_version_requests_no_run(world: World) -> None:
    world.registry.known = {"m": "1.0.0", "somebody_elses": "7.0.0"}
    assert world.tick() == SERVED


def test_promotion_is_deployed_once(world: World) -> None:
    world.registry.known = {"m": "1.1.0"}
    world.tick()
    (request,) = world.tick.requests
    assert request.job_name == "deploy_m"
    assert request.tags["model"] == "m"
    run = world.tick.run(request, RUNS)
    assert "a run is in progress" in world.later()
    world.serve("m", "1.1.0")
    world.end(run, SUCCESS)
    assert world.later() == SERVED
    assert len(world.tick.keys) == 1


SELECTED = frozenset({dg.AssetKey(["m", "mirror", "aws"])})


@pytest.mark.parametrize(
    "run",
    [
        dg.DagsterRun(job_name="__ASSET_JOB", status=RUNS, asset_selection=SELECTED),
        dg.DagsterRun(job_name="retrain_m", status=RUNS, tags={"model": "m"}),
        dg.DagsterRun(job_name="recover_m", status=RUNS, tags={MODEL_TAG: "m"}),
    ],
)
def test_promotion_while_another_run_changes_the_model_waits(world: World, run: dg.DagsterRun) -> None:
    world.registry.known = {"m": "1.1.0", "n": "1.0.0"}
    world.instance.add_run(run)
    world.tick()
    assert [request.job_name for request in world.tick.requests] == ["deploy_n"]
    world.later()
    assert not [request for request in world.tick.requests if request.job_name == "deploy_m"]


@pytest.mark.parametrize("other", ["train_m", "data_m"])
def test_training_run_delays_no_deployment_and_no_notice(world: World, other: str) -> None:
    world.registry.known = {"m": "1.1.0"}
    world.instance.add_run(dg.DagsterRun(job_name=other, status=RUNS, tags={"model": "m"}))
    world.end(world.requested())
    world.later()
    assert len(world.notifier.sent) == 1


def test_promotions_beyond_the_limit_wait_for_the_next_tick(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REQUESTS_PER_TICK", 1)
    world.registry.known = {"m": "1.1.0", "n": "1.0.0"}
    world.tick()
    (first,) = world.tick.requests
    world.tick.run(first, RUNS)
    world.later()
    (second,) = world.tick.requests
    assert [first.job_name, second.job_name] == ["deploy_m", "deploy_n"]
    world.tick.run(second, RUNS)
    world.later()
    assert not world.tick.requests


def test_same_version_promoted_again_is_another_event(world: World) -> None:
    for version in ("1.1.0", "1.0.0", "1.1.0"):
        world.registry.known = {"m": version}
        world.clock.now += 30
        world.tick()
        world.tick.run(world.tick.requests[0], DONE)
        world.serve("m", version)
        assert world.tick() == SERVED
    assert len(set(world.tick.keys)) == 3


def test_spec_is_deployed_once_for_each_change(world: World) -> None:
    world.registry.known = {"m": "1.0.0", "n": "1.0.0"}
    world.serve("n", "1.0.0")
    for stated in ("2 replicas", "1 replica", "2 replicas"):
        world.reload(stated)
        world.tick()
        (request,) = world.tick.requests
        assert request.job_name == "deploy_m"
        world.tick.run(request, DONE)
        world.serve("m", "1.0.0")
        assert world.tick() == SERVED
        world.clock.now += 30
    assert len(set(world.tick.keys)) == 3


def test_spec_changed_during_a_deployment_is_deployed_after_it(world: World) -> None:
    world.registry.known = {"m": "1.0.0"}
    world.reload("2 replicas")
    world.tick()
    run = world.tick.run(world.tick.requests[0], RUNS)
    world.reload("3 replicas")
    assert "a run is in progress" in world.tick()
    world.instance.delete_run(run.run_id)
    world.tick()
    assert len(world.tick.requests) == 1


def test_route_of_unknown_origin_is_deployed_once(world: World) -> None:
    """As after a person marked it as materialized by hand, or lost Dagster's storage."""
    world.registry.known = {"m": "1.0.0"}
    world.instance.report_runless_asset_event(dg.AssetMaterialization(["m", "route"]))
    world.tick()
    assert len(world.tick.requests) == 1


def test_tick_without_registry_requests_nothing(world: World) -> None:
    world.registry.known = {"m": "1.1.0"}
    world.tick()
    cursor = world.tick.cursor
    world.registry.down = True
    assert "MLflow does not answer" in world.tick()
    assert world.tick.cursor == cursor


@pytest.mark.parametrize("garbled", [None, "{", "[1]", '{"m": 3}', '{"m": {"version": "1.1.0"}}'])
def test_lost_cursor_deploys_nothing_again(world: World, garbled: str | None) -> None:
    world.registry.known = {"m": "1.1.0"}
    world.end(world.requested())
    world.tick.cursor = garbled
    assert "its deployment failed" in world.later()
    world.later()
    assert (len(world.tick.keys), len(world.notifier.sent)) == (1, 1)


STEPS = st.lists(
    st.sampled_from(
        ["tick", "promote 1.1.0", "promote 1.0.0", "spec", "fails", "done", "forget", "garble", "down", "up"]
    ),
    max_size=25,
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_event_has_one_run_in_any_order(monkeypatch: pytest.MonkeyPatch, steps: list[str]) -> None:
    """No run is requested while one of ours waits or runs, nor a second time for an event whose run failed."""
    clock = SimpleNamespace(now=1_700_000_000.0)
    monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: clock.now))
    with dg.DagsterInstance.ephemeral() as instance:
        world, waiting, events, requested = World(instance, clock), list[dg.DagsterRun](), 0, 0
        world.registry.known = {"m": "1.0.0"}
        for step in steps:
            clock.now += 100
            match step.split(" "):
                case ["promote", version] if version != world.registry.known["m"]:
                    world.registry.known = {"m": version}
                    events += 1
                case ["spec"]:
                    world.reload(f"spec of {clock.now}")
                    events += 1
                case ["forget"]:
                    world.tick.cursor = None
                case ["garble"]:
                    world.tick.cursor = "}{"
                case ["down"]:
                    world.registry.down = True
                case ["up"]:
                    world.registry.down = False
                case ["fails" | "done" as how] if waiting:
                    run = waiting.pop()
                    world.end(run, SUCCESS if how == "done" else dg.DagsterEventType.RUN_FAILURE)
                    if how == "done":
                        world.serve("m", world.registry.known["m"])
                case ["tick"]:
                    world.tick()
                    if world.tick.requests:
                        assert not waiting
                        requested += 1
                        waiting.append(world.tick.run(world.tick.requests[0], RUNS))
        assert requested <= events


def test_deployments_of_a_model_elsewhere_are_left_to_its_location(world: World) -> None:
    """Another code location defines it: champion, route and failed run of it are no event here."""
    world.registry.known = {"m": "1.0.0", "theirs": "7.0.0"}
    world.gateway.routes["theirs"] = Route("theirs", "6.0.0", {AWS: 1}, {}, "{}")
    run = world.instance.add_run(dg.DagsterRun(job_name="deploy_theirs", status=RUNS, tags={"model": "theirs"}))
    world.end(run)
    for _ in range(2):
        assert world.later() == SERVED
    assert not world.tick.keys
    assert not world.notifier.sent


def test_damaged_route_delays_only_its_own_model(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.registry.known = {"m": "1.1.0", "n": "1.1.0"}
    routes = world.gateway.route

    def route(model: str) -> Route | None:
        if model == "m":
            raise IntermodalError("m.json is damaged.", hint="Deploy the model again.")
        return routes(model)

    monkeypatch.setattr(world.gateway, "route", route)
    monkeypatch.setattr(world.gateway, "models", lambda: ["m", "n"])
    world.tick()
    assert [request.job_name for request in world.tick.requests] == ["deploy_n"]
    assert "m: m.json is damaged. Deploy the model again." in world.later()
    monkeypatch.undo()
    world.later()
    assert "deploy_m" in [request.job_name for request in world.tick.requests]


def test_same_number_with_another_digest_is_deployed(world: World) -> None:
    world.registry.known, world.registry.digests = {"m": "1.0.0"}, {"m": "a" * 64}
    world.serve("m", "1.0.0", "a" * 64)
    assert world.tick() == SERVED
    world.registry.digests = {"m": "b" * 64}
    failed = world.requested()
    assert failed.job_name == "deploy_m"
    world.end(failed)
    world.registry.digests = {"m": "c" * 64}
    assert world.requested().job_name == "deploy_m"  # the request that failed was for other bytes


def test_route_without_a_digest_is_served(world: World) -> None:
    """One that an earlier release published."""
    world.registry.known, world.registry.digests = {"m": "1.0.0"}, {"m": "a" * 64}
    assert world.tick() == SERVED


def test_lost_cursor_and_digest_request_no_second_run(world: World) -> None:
    world.registry.known, world.registry.digests = {"m": "1.1.0"}, {"m": "a" * 64}
    world.end(world.requested())
    world.tick.cursor = None
    world.later()
    assert not world.tick.requests
