"""The outage sensor: one run for each event, whatever happens to it, to its runs, or to its memory."""

import subprocess
import sys
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
from dagster._core.events import EngineEventData

from intermodal.assets.resources import target_key
from intermodal.platform.clouds import TARGETS
from intermodal.platform.endpoints import Endpoint, endpoint_name
from intermodal.platform.errors import Unavailable
from intermodal.platform.incidents import Entry, Incident
from intermodal.platform.routing import Route, even_weights
from intermodal.platform.watching import WatchPolicy
from intermodal.sensors import attempts
from intermodal.sensors.outage import lanes_of, outage
from tests.memory import MemoryDeployment, MemoryGateway, MemoryIncidents, MemoryStore, MemoryTarget
from tests.sensors import support

STATUS = dg.DagsterRunStatus
MODELS = ("flights", "wine")


class Here:
    """Two models on three clouds, and the sensor that watches them every five seconds of a clock of its own."""

    def __init__(self, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
        self.targets = {target.cloud: MemoryTarget(target, MemoryStore(target.cloud)) for target in TARGETS}
        self.gateway, self.incidents = MemoryGateway(list(self.targets.values())), MemoryIncidents()
        for model in MODELS:
            name = endpoint_name(model, "1.0.0", "sandbox")
            served = {t: Endpoint(t, name, model, "1.0.0", "https://x", "ready") for t in TARGETS}
            for target, endpoint in served.items():
                self.targets[target.cloud].endpoints[name] = endpoint
            upstreams = [self.targets[t.cloud].upstream(endpoint) for t, endpoint in served.items()]
            self.gateway.publish(Route(model, "1.0.0", even_weights(self.targets), {}, "{}"), upstreams)  # type: ignore[arg-type]
        self.watch = SimpleNamespace(policy=WatchPolicy())
        self.resources = {
            "gateway": self.gateway,
            "incidents": self.incidents,
            "deployment": MemoryDeployment(),
            "watch": self.watch,
            **{target_key(place.target): place for place in self.targets.values()},
        }
        specs = [support.spec(model) for model in MODELS]
        jobs = [*support.jobs(MODELS, "failover_"), *support.jobs(MODELS, "recover_")]
        self.ticks = support.Ticks(outage(jobs), self.resources, instance, assets=support.routes(specs), jobs=jobs)
        self.instance = instance
        self.now = time.time()
        monkeypatch.setattr(sys.modules[lanes_of.__module__], "time", SimpleNamespace(time=lambda: self.now))

    def tick(self, times: int = 1) -> str:
        said = ""
        for _ in range(times):
            self.now += 5
            said = self.ticks()
        return said

    @property
    def asked(self) -> list[str]:
        return [str(request.job_name) for request in self.ticks.requests]

    def opened(self, *steps: tuple[Any, str]) -> Incident:
        incident = self.incidents.open(Incident("wine-aws-1", "wine", "aws", 1.0))
        for step, key in steps:
            incident = self.incidents.note(incident.id, Entry(2.0, step, key, ""))
        return incident


CONTAINED = (("drained", "0"), ("capacity", "0"), ("told", "down"))


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Iterator[Here]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Here(instance, monkeypatch)


def test_all_is_well(here: Here) -> None:
    assert here.tick() == "All 6 lanes serve."
    assert here.ticks.remembered()["failing"] == {}


def test_one_failed_look_asks_for_nothing(here: Here) -> None:
    here.targets["aws"].gone = True
    assert here.tick() == "Watched: flights on aws, wine on aws."
    here.targets["aws"].gone = False
    assert here.tick() == "All 6 lanes serve."


def test_an_outage_is_one_run_for_each_model_with_what_it_needs(here: Here) -> None:
    here.targets["aws"].gone = True
    here.tick(2)
    assert sorted(here.asked) == ["failover_flights", "failover_wine"]
    request = next(one for one in here.ticks.requests if one.job_name == "failover_wine")
    onset = here.now - 5
    assert request.run_key == f"wine-aws-{int(onset)}-failover-0-1"
    config = request.run_config["ops"]["fail_over_wine"]["config"]
    assert config == {"incident": f"wine-aws-{int(onset)}", "cloud": "aws", "onset": onset}
    assert "model" not in request.tags  # it must not wait in the queue behind a training of that model
    for _ in range(3):
        here.tick()
        assert here.asked == []


def test_while_a_run_is_at_work_no_other_is_asked_for(here: Here) -> None:
    here.targets["aws"].gone = True
    here.tick(2)
    for request in here.ticks.requests:
        here.ticks.run(request, STATUS.STARTED)
    here.tick(3)
    assert len(here.ticks.keys) == 2


def test_a_second_cloud_that_fails_meanwhile_is_written_down_at_once(here: Here) -> None:
    here.targets["aws"].gone = True
    here.tick(2)
    for request in here.ticks.requests:
        here.ticks.run(request, STATUS.STARTED)
    here.targets["gcp"].gone = True
    here.tick(2)
    assert here.asked == []
    (incident,) = [one for one in here.incidents.all("wine", open_only=True) if one.cloud == "gcp"]
    assert incident.id == f"wine-gcp-{int(here.now - 5)}"
    assert [(entry.step, entry.key, entry.at) for entry in incident.entries] == [("detected", "0", here.now)]
    here.tick(2)
    assert here.incidents.get(incident.id) == incident
    for run in here.instance.get_runs():
        here.instance.report_run_failed(run)
    here.now = time.time() - 4
    here.tick()
    assert f"{incident.id}-failover-0-1" in here.ticks.keys


def test_what_cannot_be_written_down_keeps_no_failover_from_being_asked_for(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.targets["aws"].gone = True
    here.tick(2)
    here.ticks.run(next(one for one in here.ticks.requests if one.job_name == "failover_wine"), STATUS.STARTED)

    def full(*_: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(here.incidents, "open", full)
    here.ticks.keys.clear()
    here.tick()
    assert here.asked == ["failover_flights"]


def test_a_run_that_did_not_settle_it_is_followed_by_another_after_a_while(here: Here) -> None:
    here.opened(("detected", "0"))
    here.targets["aws"].gone = True
    here.tick()
    assert here.asked == ["failover_wine"]
    here.ticks.run(here.ticks.requests[0], STATUS.FAILURE)
    here.now = time.time() - 4  # the tick is one second after the run ended
    here.tick()
    assert here.asked == []
    here.tick()
    assert [request.run_key for request in here.ticks.requests if request.job_name == "failover_wine"] == [
        "wine-aws-1-failover-0-2"
    ]


def test_recoveries_that_fail_are_later_and_later_although_each_makes_a_round(here: Here) -> None:
    here.opened(("detected", "0"), *CONTAINED)
    here.now = time.time() - 100
    here.tick(3)
    assert here.asked == ["recover_wine"]
    for turn, pause in enumerate((5, 10, 20)):
        here.ticks.run(next(one for one in here.ticks.requests if one.job_name == "recover_wine"), STATUS.FAILURE)
        # it failed again, was contained, and its API answers still
        here.opened(("recovering", str(turn)), ("note", f"again-{turn + 1}"))
        here.opened(("drained", str(turn + 1)), ("capacity", str(turn + 1)))
        here.now = time.time() + pause - 7
        here.tick()
        assert here.asked == []
        here.tick()
        assert [one.run_key for one in here.ticks.requests] == [f"wine-aws-1-recover-{turn + 1}-{turn + 2}"]


def test_a_failover_does_not_wait_for_those_of_earlier_rounds(here: Here) -> None:
    here.opened(("detected", "0"))
    here.tick()
    here.ticks.run(here.ticks.requests[0], STATUS.FAILURE)
    here.opened(*CONTAINED, ("recovering", "0"))
    here.targets["aws"].gone = True
    here.now = time.time() - 10
    here.tick(2)
    assert "wine-aws-1-failover-1-1" in here.ticks.keys


def test_a_run_whose_process_is_gone_is_marked_and_followed_by_another(here: Here) -> None:
    here.opened(("detected", "0"))
    here.targets["aws"].gone = True
    here.tick()
    run = here.ticks.run(here.ticks.requests[0], STATUS.STARTED)
    here.now = time.time() + attempts.SILENT_SECONDS - 10
    here.tick()
    assert "failover_wine" not in here.asked
    here.tick(2)
    marked = here.instance.get_run_by_id(run.run_id)
    assert marked is not None
    assert marked.status == STATUS.FAILURE
    here.tick(3)
    assert "wine-aws-1-failover-0-2" in here.ticks.keys


def test_a_run_that_died_when_all_was_done_is_marked_too(here: Here) -> None:
    here.opened(("detected", "0"))
    here.tick()
    run = here.ticks.run(here.ticks.requests[0], STATUS.STARTED)
    here.incidents.close("wine-aws-1", here.now)
    here.now = time.time() + attempts.SILENT_SECONDS
    here.tick()
    assert here.asked == []
    assert here.instance.get_run_by_id(run.run_id).status == STATUS.FAILURE  # type: ignore[union-attr]


@pytest.mark.parametrize("local", [True, False])
def test_a_process_that_never_came_up_is_not_waited_for_as_a_pod_is(
    here: Here, monkeypatch: pytest.MonkeyPatch, local: bool
) -> None:
    if local:
        monkeypatch.setattr(type(here.instance), "run_launcher", property(lambda _: dg.DefaultRunLauncher()))
    here.opened(("detected", "0"))
    here.tick()
    run = here.ticks.run(here.ticks.requests[0], STATUS.STARTING)
    here.now = time.time() + attempts.SILENT_SECONDS
    here.tick()
    expected = STATUS.FAILURE if local else STATUS.STARTING
    assert here.instance.get_run_by_id(run.run_id).status == expected  # type: ignore[union-attr]


@pytest.mark.parametrize("lives", [True, False])
def test_a_process_that_loads_many_models_is_waited_for_while_it_lives(
    here: Here, monkeypatch: pytest.MonkeyPatch, lives: bool
) -> None:
    monkeypatch.setattr(type(here.instance), "run_launcher", property(lambda _: dg.DefaultRunLauncher()))
    here.opened(("detected", "0"))
    here.tick()
    run = here.ticks.run(here.ticks.requests[0], STATUS.STARTING)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        said = EngineEventData.in_process(process.pid)  # as Dagster's code server says it of a run that it starts
        here.instance.report_engine_event(f"Started process for run (pid: {process.pid}).", run, said)
        if not lives:
            process.communicate(b"\n")
        here.now = time.time() + attempts.SILENT_SECONDS + 10
        here.tick()
        found = here.instance.get_run_by_id(run.run_id).status  # type: ignore[union-attr]
        assert found == (STATUS.STARTING if lives else STATUS.FAILURE)
        if lives:
            here.now = time.time() + attempts.LOADING_SECONDS
            here.tick()
            assert here.instance.get_run_by_id(run.run_id).status == STATUS.FAILURE  # type: ignore[union-attr]
            process.communicate(b"\n")


def test_a_run_that_says_that_it_is_at_work_is_left_alone(here: Here) -> None:
    here.opened(("detected", "0"))
    here.tick()
    run = here.ticks.run(here.ticks.requests[0], STATUS.STARTED)
    here.now = time.time() + attempts.SILENT_SECONDS + 5
    event = dg.EventLogEntry(
        error_info=None, level="info", user_message="still at work", run_id=run.run_id, timestamp=here.now
    )
    here.instance.store_event(event)
    here.tick()
    assert here.asked == []
    assert here.instance.get_run_by_id(run.run_id).status == STATUS.STARTED  # type: ignore[union-attr]


def test_a_run_that_was_made_and_never_handed_on_is_asked_for_again_by_the_same_key(here: Here) -> None:
    here.opened(("detected", "0"))
    here.tick()
    here.ticks.run(here.ticks.requests[0], STATUS.NOT_STARTED)
    here.ticks.keys.clear()
    here.tick()
    assert here.ticks.keys == ["wine-aws-1-failover-0-1"]


def test_the_cursor_survives_a_restart_and_a_damaged_one_starts_afresh(here: Here) -> None:
    here.targets["gcp"].gone = True
    here.tick()
    kept = here.ticks.cursor
    here.ticks.cursor = "{garbled"
    assert here.tick().startswith("Watched:")
    here.tick()
    assert len(here.asked) == 2
    here.ticks.cursor = kept
    assert "gcp" in str(kept)


def test_a_gateway_that_does_not_answer_is_not_an_outage_of_all_clouds(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.targets["aws"].gone = True
    here.tick()
    kept = here.ticks.cursor

    def silent() -> Any:
        raise Unavailable("no Envoy there")

    with monkeypatch.context() as patch:
        patch.setattr(here.gateway, "health", silent)
        assert "nothing is known of the clouds" in here.tick(5)
    assert here.ticks.cursor == kept
    here.tick()
    assert len(here.asked) == 2


def test_a_model_whose_route_is_damaged_is_named_and_the_others_are_watched(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = here.gateway.upstream_health
    monkeypatch.setattr(here.gateway, "health", lambda: {"wine": sound("wine")})
    said = "Not watched, as the gateway's file of it is damaged: flights."
    assert here.tick() == said
    here.targets["aws"].gone = True
    assert here.tick() == f"{said} Watched: wine on aws."
    here.tick()
    assert here.asked == ["failover_wine"]


def test_a_cloud_that_is_back_for_a_while_is_recovered(here: Here) -> None:
    here.opened(("detected", "0"), *CONTAINED)
    here.tick(2)
    assert here.asked == []
    here.tick()
    assert here.asked == ["recover_wine"]
    assert here.ticks.requests[0].run_config == {"ops": {"bring_back_wine": {"config": {"incident": "wine-aws-1"}}}}


def test_a_cloud_whose_api_is_silent_is_not_recovered(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    here.opened(("detected", "0"), *CONTAINED)
    monkeypatch.setattr(here.targets["aws"], "answers", lambda: False)
    assert "Open: wine-aws-1." in here.tick(5)


def test_an_api_that_hangs_holds_no_tick_up(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    here.opened(("detected", "0"), *CONTAINED)
    monkeypatch.setattr("intermodal.sensors.probes.ANSWER_SECONDS", 0.05)
    monkeypatch.setattr(here.targets["aws"], "answers", lambda: time.sleep(0.4) or True)
    here.tick(4)
    assert here.asked == []


def test_a_cloud_that_died_again_during_its_recovery_is_failed_over_again(here: Here) -> None:
    here.opened(("detected", "0"), *CONTAINED, ("recovering", "0"), ("share back", "0"))
    here.targets["aws"].gone = True
    here.tick(2)
    wine = [request for request in here.ticks.requests if request.job_name == "failover_wine"]
    assert [request.run_key for request in wine] == ["wine-aws-1-failover-1-1"]


def test_only_what_ought_to_serve_is_watched(here: Here) -> None:
    lanes = lanes_of(
        {"wine": support.spec("wine", failover={"cold": ["gcp"]})},
        {"wine": {"aws": True, "gcp": False, "azure": True}, "withdrawn": {"aws": False}},
        {},
    )
    assert lanes == {("wine", "aws"): True, ("wine", "azure"): True}
    helped = lanes_of(
        {"wine": support.spec("wine", failover={"cold": ["gcp"]})},
        {"wine": {"aws": False, "gcp": False, "azure": True}},
        {("wine", "aws"): here.opened()},
    )
    assert helped[("wine", "gcp")] is False


def test_an_incident_that_was_closed_is_not_the_one_of_a_new_outage(here: Here) -> None:
    here.targets["aws"].gone = True
    here.tick()
    old = Incident(f"wine-aws-{int(here.now)}", "wine", "aws", here.now)
    here.incidents.open(old)
    here.incidents.close(old.id, here.now + 1)
    here.tick()
    assert f"wine-aws-{int(here.now)}-failover-0-1" in here.ticks.keys


def test_endpoints_can_be_watched_too(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    here.watch.policy = WatchPolicy(watchers=("gateway", "endpoint"), quorum="any")
    for place in here.targets.values():
        monkeypatch.setattr(place, "invoke", lambda *_: b"{}")
    assert here.tick() == "All 6 lanes serve."

    def fails(*_: Any) -> bytes:
        raise Unavailable("500")

    monkeypatch.setattr(here.targets["azure"], "invoke", fails)
    here.tick(2)
    assert sorted(here.asked) == ["failover_flights", "failover_wine"]
    here.watch.policy = WatchPolicy(watchers=("gateway", "endpoint"), quorum="all")
    assert here.tick() == "All 6 lanes serve."
