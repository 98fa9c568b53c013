"""Whose turn it is on Tuesday, and two drills at the same moment: the one that was asked for later gives way."""

from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from intermodal.assets.watching import in_turn
from intermodal.platform.errors import IntermodalError
from intermodal.platform.routing import Route
from tests.assets.conftest import World
from tests.assets.failover_world import spec_with

SECONDS = 0.3
CONFIG = {"ops": {"wine__drill": {"config": {"seconds": SECONDS, "rate": 20.0, "kind": "throttle", "cloud": "aws"}}}}


def test_a_drill_gives_way_to_one_that_was_asked_for_before(world: World) -> None:
    assert world.run("train_and_deploy_wine").success
    tags = {"intermodal/drill": "wine"}
    other = dg.DagsterRun(job_name="drill_wine", run_config=CONFIG, tags=tags, status=dg.DagsterRunStatus.STARTED)
    world.instance.add_run(other)
    result = drill(world)
    failure = next(event for event in result.all_events if event.is_step_failure)
    assert "another drill is going on" in failure.step_failure_data.error.to_string()  # type: ignore[union-attr]
    assert world.gateway.disturbances() == {}


def test_one_that_was_killed_long_ago_does_not_count(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert world.run("train_and_deploy_wine").success
    tags = {"intermodal/drill": "wine"}
    dead = dg.DagsterRun(job_name="drill_wine", run_config=CONFIG, tags=tags, status=dg.DagsterRunStatus.STARTED)
    world.instance.add_run(dead)
    monkeypatch.setattr("intermodal.assets.drill.GRACE_SECONDS", -SECONDS)
    assert drill(world).success


def test_a_model_that_cannot_be_seen_is_taken_for_one_that_cannot_bear_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert world.run("train_and_deploy_wine").success
    known = world.gateway.route

    def route(model: str) -> Route | None:
        if model == "unread":
            raise IntermodalError("unread.json is damaged")
        return known(model)

    monkeypatch.setattr(world.gateway, "models", lambda: ["unread", "wine"])
    monkeypatch.setattr(world.gateway, "route", route)
    failure = next(event for event in drill(world).all_events if event.is_step_failure)
    assert "unread.json is damaged" in failure.step_failure_data.error.to_string()  # type: ignore[union-attr]
    assert world.gateway.disturbances() == {}


def drill(world: World) -> dg.ExecuteInProcessResult:
    job = world.defs.resolve_job_def("drill_wine")
    return job.execute_in_process(instance=world.instance, run_config=CONFIG, raise_on_error=False)


TUESDAY = datetime(2026, 6, 2, 10, tzinfo=UTC)


def tick(world: World) -> Any:
    schedule = world.defs.resolve_schedule_def("weekly_drill_wine")
    with dg.build_schedule_context(
        instance=world.instance,
        scheduled_execution_time=TUESDAY,
        repository_def=world.defs.get_repository_def(),
        resources={"deployment": world.deployment},
    ) as context:
        return schedule.evaluate_tick(context)


def test_every_week_another_cloud_that_has_traffic(world: World) -> None:
    (request,) = tick(world).run_requests
    assert request.run_config["ops"]["wine__drill"]["config"]["cloud"] in ("aws", "gcp")  # azure has no weight


def test_no_cold_cloud_has_its_turn_and_every_other_has() -> None:
    weeks = [TUESDAY + timedelta(weeks=number) for number in range(12)]
    assert {in_turn(spec_with(failover={"cold": ["azure"]}), week) for week in weeks} == {"aws", "gcp"}
    weighted = spec_with(route={"policy": "weighted", "weights": {"azure": 2, "gcp": 1}})
    assert {in_turn(weighted, week) for week in weeks} == {"azure", "gcp"}
    assert {in_turn(spec_with(), week) for week in weeks} == {"aws", "gcp", "azure"}


def test_in_production_the_schedule_says_what_a_person_must_set(world: World) -> None:
    world.deployment.environment = "production"
    found = tick(world)
    assert not found.run_requests
    assert "allow_production" in found.skip_message
    assert "--model wine --allow-production" in found.skip_message
