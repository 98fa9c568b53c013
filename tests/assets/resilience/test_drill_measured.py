"""What a drill measures while an incident is opened, drained, contained and closed, on a clock of its own."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from intermodal.platform.errors import Unavailable
from intermodal.platform.ports.gateway import Disturbance, Totals
from intermodal.platform.ports.incidents import Entry, Incident, Step
from intermodal.platform.resilience.drill_run import RECOVERY_SECONDS
from intermodal.platform.targets import Target
from tests.assets.conftest import World
from tests.assets.monitoring.watching_world import checked, drill
from tests.targets import AWS, GCP

BEGIN = 1_700_000_000.0
POLL = 0.02
ID = "wine-aws-1700000000"


class Scene:
    """The drill's clock, which only its own sleeping moves, and its events. ``drained`` targets do not serve."""

    def __init__(self, world: World) -> None:
        self.world, self.now, self.drained = world, BEGIN, set[Target]()
        self.disturbed: list[tuple[float, bool]] = []
        self.script: list[tuple[float, Callable[[], Any]]] = []
        self.requested = threading.Event()

    def time(self) -> float:
        return self.now

    monotonic = time

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        while self.script and BEGIN + self.script[0][0] <= self.now:
            self.script.pop(0)[1]()

    def after(self, seconds: float, act: Callable[[], Any]) -> None:
        self.script = sorted([*self.script, (seconds, act)], key=lambda event: event[0])

    def opened(self, seconds: float, id: str = ID, target: Target = AWS) -> None:
        self.after(seconds, lambda: self.world.incidents.open(Incident(id, "wine", target, BEGIN + seconds)))

    def noted(self, seconds: float, step: Step, id: str = ID) -> None:
        self.after(seconds, lambda: self.world.incidents.note(id, Entry(BEGIN + seconds, step, "0", step)))

    def disturb(self, target: Target, disturbance: Disturbance | None) -> None:
        self.disturbed.append((round(self.now - BEGIN, 1), disturbance is not None))
        if disturbance is None:
            self.drained.discard(target)

    def count(self, requests: int, failed: int, retried: int) -> None:
        self.world.gateway.counted["wine"] = Totals(requests, failed, retried)


@pytest.fixture
def scene(world: World, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """AWS is out: drained after 0.5 s, seen to be after 2 s, made up for after 12 s, back and closed after 20 s."""
    assert world.run("train_and_deploy_wine").success
    made = Scene(world)
    monkeypatch.setattr("intermodal.platform.resilience.drill_run.time", made)
    monkeypatch.setattr(world.gateway, "_serves", lambda target: target not in made.drained)
    monkeypatch.setattr(world.gateway, "disturb", made.disturb)
    made.count(100, 5, 10)
    made.after(0.5, lambda: made.drained.add(AWS))
    made.opened(1.5)
    made.noted(2, "detected")
    made.noted(12, "capacity")
    made.after(20, lambda: world.incidents.close(ID, BEGIN + 20))
    return made


def measured(scene: Scene, **config: Any) -> dict[str, Any]:
    assert drill(scene.world, **{"kind": "outage", "target": "aws", "seconds": 60.0, **config}).success
    return scene.world.metadata("drill")


def test_drill_of_an_outage_measures_every_step(scene: Scene) -> None:
    scene.after(11, lambda: scene.count(1100, 5, 40))
    found = measured(scene)
    assert found["started_at"] == BEGIN
    assert found["drained_seconds"] == pytest.approx(0.5, abs=2 * POLL)
    assert (found["detected_seconds"], found["capacity_seconds"]) == (2, 12)
    assert found["restored_seconds"] == pytest.approx(20 - 12, abs=4 * POLL)
    assert (found["requests"], found["failed"], found["retried"]) == (1000, 0, 30)
    assert scene.disturbed == [(0, True), (12, False)]  # not for longer than it takes
    assert found["passed"]
    assert checked(scene.world, "drill", "objectives")


def test_drill_counts_failures_at_the_gateway(scene: Scene) -> None:
    scene.after(11, lambda: scene.count(1100, 9, 40))
    found = measured(scene)
    assert (found["failed"], found["passed"]) == (4, False)
    assert "4 of 1000 requests failed." in found["reasons"]
    assert not checked(scene.world, "drill", "objectives")


def test_drill_counts_requests_of_other_models_on_the_target(scene: Scene) -> None:
    """The gateway disturbs a target, and all models that it serves."""
    gateway = scene.world.gateway
    gateway.routes |= {name: replace(gateway.routes["wine"], model=name) for name in ("beside", "elsewhere")}
    gateway.routes["elsewhere"] = replace(gateway.routes["elsewhere"], weights={GCP: 1})
    for name in ("beside", "elsewhere"):
        gateway.held[name], gateway.counted[name] = gateway.held["wine"], Totals(50, 1, 1)
        scene.after(11, lambda name=name: gateway.counted.update({name: Totals(90, 4, 8)}))  # type: ignore[misc]
    scene.after(11, lambda: scene.count(1100, 5, 40))
    found = measured(scene)
    assert (found["requests"], found["failed"], found["retried"]) == (1040, 3, 37)
    assert not found["passed"]


def test_drill_counts_its_own_failed_requests(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        scene.requested.set()
        raise Unavailable("nobody answers")

    monkeypatch.setattr(scene.world.gateway, "infer", refuse)
    scene.after(11, lambda: scene.requested.wait(60))
    found = measured(scene)
    assert found["failed"] > 0
    assert not found["passed"]


def test_drill_ignores_other_incidents(scene: Scene) -> None:
    """One of the same target that is over, and one of another that comes meanwhile."""
    scene.opened(-3600, "wine-aws-1699996400")
    scene.noted(-3590, "capacity", "wine-aws-1699996400")
    scene.after(-3580, lambda: scene.world.incidents.close("wine-aws-1699996400", BEGIN - 3580))
    scene.sleep(0)
    scene.opened(1.6, "wine-gcp-1700000001", GCP)
    scene.noted(1.7, "detected", "wine-gcp-1700000001")
    scene.noted(1.8, "capacity", "wine-gcp-1700000001")
    found = measured(scene)
    assert (found["detected_seconds"], found["capacity_seconds"]) == (2, 12)


def test_drill_without_a_step_in_time_leaves_it_out(scene: Scene) -> None:
    """The drill is over before the capacity was made up for, and the incident never closes."""
    scene.script = [event for event in scene.script if event[0] < 12]
    found = measured(scene, seconds=5.0)
    assert found["detected_seconds"] == 2
    assert not {"capacity_seconds", "restored_seconds"} & set(found)
    assert scene.disturbed == [(0, True), (5, False)]
    assert scene.now >= BEGIN + 5 + RECOVERY_SECONDS
    assert not found["passed"]


def test_drill_of_a_drained_target_without_incident_is_restored(scene: Scene) -> None:
    scene.script = scene.script[:1]
    scene.world.gateway.disturb = lambda *_: None  # type: ignore[method-assign]
    scene.after(9, scene.drained.clear)
    found = measured(scene, kind="brownout", seconds=5.0)
    assert found["drained_seconds"] == pytest.approx(0.5, abs=2 * POLL)
    assert found["restored_seconds"] == pytest.approx(9 - 5, abs=0.2 + POLL)
    assert "detected_seconds" not in found
