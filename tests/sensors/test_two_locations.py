"""Two teams, each with a code location of its own, push to one Pushgateway: neither erases the other's gauges."""

import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.remote_origin import RegisteredCodeLocationOrigin

from intermodal.platform.monitoring.sensor_health import SensorHealthState
from intermodal.platform.ports.incidents import Incident
from intermodal.platform.ports.registry import Identity
from intermodal.sensors.heartbeat import _missed, _notice, heartbeat
from intermodal.sensors.staleness import staleness
from intermodal.sensors.toolkit.gauges import group_of
from tests.memory import MemoryGauges, MemoryIncidents, MemoryNotifications, MemoryNotifier, MemoryTables
from tests.sensors.support import routes, spec
from tests.targets import AWS, GCP

module = import_module("intermodal.sensors.heartbeat")  # the package has the sensor under the same name


class NoRegistry:
    def champion(self, model: str) -> None: ...

    def champions(self) -> dict[str, Identity]:
        return {}


class Team:
    """A code location with one model."""

    def __init__(self, name: str, instance: dg.DagsterInstance, resources: dict[str, Any]) -> None:
        self.name, self.instance, self.resources = name, instance, resources
        definitions = dg.Definitions(
            assets=routes([spec(f"model_of_{name}")]), sensors=[heartbeat, staleness], resources=resources
        )
        self.repository = definitions.get_repository_def()

    def context(self) -> dg.SensorEvaluationContext:
        """As the daemon makes it, which names the location."""
        context = dg.build_sensor_context(
            instance=self.instance, resources=self.resources, repository_def=self.repository
        )
        context._code_location_origin = RegisteredCodeLocationOrigin(self.name)
        return context

    def tick(self) -> None:
        heartbeat.evaluate_tick(self.context())
        staleness.evaluate_tick(self.context())


@pytest.fixture
def resources() -> dict[str, Any]:
    return {
        "gauges": MemoryGauges(),
        "incidents": MemoryIncidents(),
        "notifications": MemoryNotifications(MemoryNotifier()),
        "registry": NoRegistry(),
        "tables": MemoryTables(),
    }


@pytest.fixture
def teams(resources: dict[str, Any], tmp_path: Path) -> Iterator[tuple[Team, Team]]:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:  # one that remembers ticks
        yield Team("red", instance, resources), Team("blue", instance, resources)


def test_groups_of_two_locations_are_apart(teams: tuple[Team, Team], resources: dict[str, Any]) -> None:
    for team in teams:
        team.tick()
    pushed = resources["gauges"].pushed
    names = ("heartbeat", "objectives", "incidents", "staleness")
    assert set(pushed) == {f"{name}-{team.name}" for name in names for team in teams}
    for team in teams:
        assert {labels["model"] for _, labels, _ in pushed[f"objectives-{team.name}"]} == {f"model_of_{team.name}"}
        assert {labels["model"] for _, labels, _ in pushed[f"staleness-{team.name}"]} == {f"model_of_{team.name}"}


def test_incident_of_one_location_is_one_series(teams: tuple[Team, Team], resources: dict[str, Any]) -> None:
    resources["incidents"].open(Incident("i", "model_of_red", GCP, 1.0))
    for team in teams:
        team.tick()
    pushed = resources["gauges"].pushed
    opened = [
        (group, labels["model"], labels["target"])
        for group, gauges in pushed.items()
        for name, labels, value in gauges
        if name == "intermodal_incident_open" and value
    ]
    assert opened == [("incidents-red", "model_of_red", str(GCP))]
    assert {labels["model"] for _, labels, _ in pushed["incidents-blue"]} == {"model_of_blue"}
    assert str(AWS) in {labels["target"] for _, labels, _ in pushed["incidents-blue"]}


def test_group_outside_of_a_daemon_has_no_location(teams: tuple[Team, Team]) -> None:
    context = teams[0].context()
    context._code_location_origin = None
    assert group_of(context, "heartbeat") == "heartbeat"


def test_notices_of_one_trouble_in_two_locations_are_two() -> None:
    stopped = [_notice("outage", "silent", 1.0, location) for location in ("red", "blue")]
    assert len({notice.key for notice in stopped}) == 2
    assert [notice.title for notice in stopped] == [
        "The sensor outage of red has stopped ticking",
        "The sensor outage of blue has stopped ticking",
    ]
    missed = [_missed(["monthly_a", "monthly_b"], "0 2 1 * *", 1.0, location) for location in ("red", "blue")]
    assert len({notice.key for notice in missed}) == 2
    assert missed[0].title == "2 schedules of red were not run at 1970-01-01 00:00 UTC"


def test_notices_of_a_location_that_the_daemon_names_name_it(
    teams: tuple[Team, Team], resources: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are found to be silent at once, as after one restart."""
    onset = time.time() - 3600
    troubled = SensorHealthState(onsets={"staleness is silent": onset})
    monkeypatch.setattr(module, "examine", lambda *_: (troubled, {"staleness": "silent"}))
    monkeypatch.setattr(module, "running_schedules", lambda _: {})
    for team in teams:
        heartbeat.evaluate_tick(team.context())
    assert [notice.title for notice in resources["notifications"].notifier.sent] == [
        "The sensor staleness of red has stopped ticking",
        "The sensor staleness of blue has stopped ticking",
    ]
