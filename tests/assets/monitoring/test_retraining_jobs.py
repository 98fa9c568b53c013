"""Drift → retrain → redeploy: a month of other data lands, and the run that the sensor asks for ends in a new route."""

from typing import Any

import dagster as dg
import pytest

from intermodal.platform.ports.endpoints import endpoint_name
from intermodal.platform.training.comparison import Measured
from intermodal.sensors.drift import drift
from tests.assets.conftest import World
from tests.assets.monitoring.watching_world import log_predictions, look
from tests.targets import AWS, AZURE, GCP, TARGETS

AT_ONCE = {"ops": {"wine__route": {"config": {"drain_seconds": 0}}}}


@pytest.fixture
def drifted(world: World) -> World:
    """Trained on January and February, judged on March; then its inputs move."""
    assert world.run("train_and_deploy_wine").success
    log_predictions(world, 3000, shift=3)
    assert look(world, "drift")["state"] == "drifted"
    return world


def april_lands(world: World) -> None:
    """March's bottles again: a version that was trained on March predicts them better than one that was not."""
    for stage in ("dataset", "features"):
        world.tables.write("wine", stage, "2020-04-01", world.tables.read("wine", stage, "2020-03-01"))


def tick(world: World, cursor: str | None = None) -> Any:
    context = dg.build_sensor_context(
        instance=world.instance,
        cursor=cursor,
        repository_def=world.defs.get_repository_def(),
        resources={name: world.resources[name] for name in ("registry", "tables", "notifications")},
    )
    return drift([world.defs.resolve_job_def("retrain_wine")]).evaluate_tick(context)


def retrain(world: World, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
    """The run that the daemon makes of it; only what is replaced is removed at once."""
    job = world.defs.resolve_job_def(str(request.job_name))
    return job.execute_in_process(
        instance=world.instance, tags=dict(request.tags), run_config={**request.run_config, **AT_ONCE}
    )


def test_retraining_of_a_drifted_version_replaces_it_everywhere(drifted: World) -> None:
    april_lands(drifted)
    (request,) = tick(drifted).run_requests
    assert request.job_name == "retrain_wine"
    assert request.tags["intermodal/cause"].startswith("drift of 1.0.0-")
    assert retrain(drifted, request).success
    model, version = drifted.metadata("model"), drifted.metadata("version")
    assert (model["trained_on"], model["held_out"]) == ("2020-02, 2020-03", "2020-04")
    assert (version["version"], version["why"]) == ("1.1.0", "new data")
    for target in TARGETS:
        assert list(drifted.targets[target].endpoints) == [endpoint_name("wine", "1.1.0", "sandbox")]
        assert drifted.targets[target].deploys[-1].artifacts == f"memory-{target.site}://bucket/wine/1.1.0"
    route = drifted.gateway.route("wine")
    assert route is not None
    assert (route.version, route.weights) == ("1.1.0", {AWS: 3, GCP: 1, AZURE: 0})
    assert drifted.gateway.infer("wine", route.golden_body.encode())[1:] == (AWS, "1.1.0")


def test_retraining_starts_once_for_each_drift(drifted: World) -> None:
    april_lands(drifted)
    first = tick(drifted)
    assert retrain(drifted, *first.run_requests).success
    again = tick(drifted, first.cursor)
    assert not again.run_requests
    assert drifted.notifier.sent == []
    assert "1.1.0 is champion now" in again.skip_message


def test_retraining_without_a_new_month_notifies_people(drifted: World) -> None:
    assert not tick(drifted).run_requests
    (notice,) = drifted.notifier.sent
    assert "no data newer than 2020-03" in notice.text


def test_retraining_that_fails_its_gate_keeps_the_route(drifted: World, monkeypatch: pytest.MonkeyPatch) -> None:
    april_lands(drifted)
    first, before = tick(drifted), drifted.gateway.route("wine")
    monkeypatch.setattr(
        "intermodal.platform.training.measuring.measure", lambda metric, *_: Measured({metric.name: 0.0})
    )
    job = drifted.defs.resolve_job_def("retrain_wine")
    tags = dict(first.run_requests[0].tags)
    assert not job.execute_in_process(instance=drifted.instance, tags=tags, raise_on_error=False).success
    assert drifted.gateway.route("wine") == before
    assert not tick(drifted, first.cursor).run_requests
    assert "no retrained model passed its gates" in drifted.notifier.sent[0].text
