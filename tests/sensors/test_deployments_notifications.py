"""People hear once of a deployment that failed, and of none that was put right."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest

from intermodal.assets.runs import MODEL_TAG
from intermodal.platform.errors import Unavailable
from intermodal.sensors.toolkit import notifications
from tests.memory import MemoryNotifications
from tests.sensors.deployments_world import RUNS, SERVED, SUCCESS, World, two_models
from tests.sensors.people import Slow


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with two_models(monkeypatch) as made:
        yield made


def test_failure_is_notified_once_and_not_tried_again(world: World) -> None:
    world.registry.known = {"m": "1.1.0"}
    run = world.requested()
    world.end(run)
    assert "its deployment failed" in world.later()
    for _ in range(3):
        assert "people were notified; they or a failover will repeat it" in world.later()
    (notice,) = world.notifier.sent
    assert notice.title == "m 1.1.0 is not deployed as it should be"
    assert run.run_id in notice.text
    assert len(world.tick.keys) == 1


def test_retrained_version_that_failed_is_deployed_once_more(world: World) -> None:
    retraining = world.instance.add_run(dg.DagsterRun(job_name="retrain_m", status=RUNS, tags={"model": "m"}))
    world.registry.known = {"m": "1.1.0"}
    assert "a run is in progress" in world.tick()
    world.end(retraining)
    world.end(world.requested())
    world.later()
    world.later()
    assert (len(world.tick.keys), len(world.notifier.sent)) == (1, 1)


def test_deployment_failed_by_an_outage_is_tried_after_failover(world: World) -> None:
    world.registry.known = {"m": "1.1.0"}
    world.end(world.requested())
    world.later()
    assert len(world.notifier.sent) == 1
    failover = world.instance.add_run(dg.DagsterRun(job_name="failover_m", status=RUNS, tags={MODEL_TAG: "m"}))
    assert "a run is in progress" in world.later()
    world.end(failover, SUCCESS)
    run = world.requested()
    world.serve("m", "1.1.0")
    world.end(run, SUCCESS)
    assert world.later() == SERVED
    assert len(world.notifier.sent) == 1


def test_failed_failover_does_not_repeat_the_deployment(world: World) -> None:
    world.registry.known = {"m": "1.1.0"}
    world.end(world.requested())
    world.end(world.instance.add_run(dg.DagsterRun(job_name="failover_m", status=RUNS, tags={MODEL_TAG: "m"})))
    world.later()
    world.later()
    assert (len(world.tick.keys), len(world.notifier.sent)) == (1, 1)


def test_failure_repaired_before_the_next_tick_is_not_notified(world: World) -> None:
    world.registry.known = {"m": "1.1.0"}
    world.end(world.requested())
    again = world.instance.add_run(dg.DagsterRun(job_name="deploy_m", status=RUNS, tags={"model": "m"}))
    world.serve("m", "1.1.0")
    world.end(again, SUCCESS)
    assert world.later() == SERVED
    assert not world.notifier.sent


def test_run_canceled_after_a_rollback_is_not_notified(world: World) -> None:
    world.registry.known = {"m": "1.1.0"}
    run = world.requested()
    world.later()
    world.registry.known = {"m": "1.0.0"}
    world.instance.report_run_canceled(run)
    assert world.later() == SERVED
    assert not world.notifier.sent


@pytest.mark.parametrize("job", ["", "retrain_m"])
def test_deployment_failed_after_its_route_is_notified(world: World, job: str) -> None:
    """Ours, or one that a retraining began."""
    world.registry.known = {"m": "1.1.0"}
    if job:
        run = world.instance.add_run(dg.DagsterRun(job_name=job, status=RUNS, tags={"model": "m"}))
        world.tick()
    else:
        run = world.requested()
    world.serve("m", "1.1.0")
    assert "a run is in progress" in world.later()
    world.end(run)
    assert "after the route was published" in world.later()
    assert world.later() == SERVED
    assert len(world.notifier.sent) == 1


def test_notice_that_failed_is_sent_by_a_later_tick(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> None:
        raise Unavailable("No recipient took it.")

    world.registry.known = {"m": "1.1.0"}
    world.end(world.requested())
    with monkeypatch.context() as patch:
        patch.setattr(world.notifier, "send", fails)
        assert "No recipient took it." in world.later()
    world.later()
    world.later()
    assert len(world.notifier.sent) == 1


def test_people_who_hang_keep_no_deployment_waiting(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.registry.known, people = {"m": "1.1.0"}, Slow()
    world.end(world.requested())
    world.tick.resources["notifications"] = MemoryNotifications(people)
    world.registry.known["n"] = "1.0.0"
    with monkeypatch.context() as patch:
        patch.setattr(notifications, "DELIVERY_SECONDS", 0.01)
        world.later()
        assert [request.job_name for request in world.tick.requests] == ["deploy_n"]
        assert not world.tick.remembered()["m"]["notified"]
        world.tick.run(world.tick.requests[0], RUNS)
        assert notifications.PENDING in world.later()
    people.allow(1)
    world.later()
    assert world.tick.remembered()["m"]["notified"]
    assert "people were notified" in world.later()
    assert len(people.sent) == len(people.begun) == 1
