"""The drill of a week, and two drills at once: the one that was requested later does not start."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise, product
from typing import Any

import dagster as dg
import pytest

from intermodal.assets.monitoring.jobs import drill_of_week, kind_of_week
from intermodal.platform.errors import IntermodalError
from intermodal.platform.ports.gateway import Route
from intermodal.platform.resilience.drills import DRILL_KINDS
from intermodal.platform.spec import ModelSpec
from intermodal.platform.targets import Target
from tests.assets.conftest import World
from tests.failover_world import spec_with
from tests.targets import AWS, AZURE, EKS, GCP, SERVE, TARGETS

SECONDS = 0.3
CONFIG = {"ops": {"wine__drill": {"config": {"seconds": SECONDS, "rate": 20.0, "kind": "throttle", "target": "aws"}}}}


def test_drill_after_an_earlier_request_does_not_start(world: World) -> None:
    assert world.run("train_and_deploy_wine").success
    tags = {"intermodal/drill": "wine"}
    other = dg.DagsterRun(job_name="drill_wine", run_config=CONFIG, tags=tags, status=dg.DagsterRunStatus.STARTED)
    world.instance.add_run(other)
    result = drill(world)
    failure = next(event for event in result.all_events if event.is_step_failure)
    assert "another drill is active" in failure.step_failure_data.error.to_string()  # type: ignore[union-attr]
    assert world.gateway.disturbances() == {}


def test_active_drills_leave_out_runs_killed_long_ago(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert world.run("train_and_deploy_wine").success
    tags = {"intermodal/drill": "wine"}
    dead = dg.DagsterRun(job_name="drill_wine", run_config=CONFIG, tags=tags, status=dg.DagsterRunStatus.STARTED)
    world.instance.add_run(dead)
    monkeypatch.setattr("intermodal.assets.resilience.drill.GRACE_SECONDS", -SECONDS)
    assert drill(world).success


def test_drill_with_an_unreadable_model_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_drill_of_week_rotates_over_targets_with_traffic(world: World) -> None:
    (request,) = tick(world).run_requests
    config = request.run_config["ops"]["wine__drill"]["config"]
    assert config["target"] in (str(AWS), str(GCP))  # azure has no weight
    assert config["kind"] == kind_of_week(TUESDAY.toordinal() // 7, 2) != "outage"


def test_drill_of_week_leaves_out_cold_targets() -> None:
    weighted = spec_with(route={"policy": "weighted", "weights": {"azure": 2, "gcp": 1}})
    assert {target for _, target in turns(spec_with(failover={"cold": ["azure"]}))} == {AWS, GCP}
    assert {target for _, target in turns(weighted)} == {AZURE, GCP}
    assert {target for _, target in turns(spec_with())} == set(TARGETS)


def turns(spec: ModelSpec, weeks: int = 12) -> list[tuple[str, Target]]:
    """Over the end of a year: 2026 has 53 weeks."""
    return [drill_of_week(spec, datetime(2026, 11, 3, 10, tzinfo=UTC) + timedelta(weeks=week)) for week in range(weeks)]


def test_drill_of_week_has_every_kind_on_every_target() -> None:
    assert sorted(turns(spec_with())) == sorted(product(DRILL_KINDS, TARGETS))
    two = turns(spec_with(failover={"cold": ["azure"]}), weeks=8)
    assert sorted(two) == sorted(product(DRILL_KINDS, (AWS, GCP)))


def test_drill_of_week_has_each_target_of_a_site() -> None:
    assert {target for _, target in turns(spec_with(serve=[*SERVE, str(EKS)]))} == {*TARGETS, EKS}


@pytest.mark.parametrize("targets", range(1, 7))
def test_kind_of_week_has_each_pair_once(targets: int) -> None:
    pairs = len(DRILL_KINDS) * targets
    for first in range(2900, 2900 + pairs):
        met = [(kind_of_week(week, targets), week % targets) for week in range(first, first + pairs)]
        assert set(met) == set(product(DRILL_KINDS, range(targets)))
        assert all(pair != following for pair, following in pairwise(met))


def test_weekly_drill_in_production_names_the_command(world: World) -> None:
    world.deployment.environment = "production"
    found = tick(world)
    assert not found.run_requests
    assert "allow_production" in found.skip_message
    kind = kind_of_week(TUESDAY.toordinal() // 7, 2)
    assert f"intermodal drill {kind} " in found.skip_message
    assert "--model wine --allow-production" in found.skip_message
