"""No tick may wait 2 s for clouds that do not answer: what it waits for them leaves time for its own work."""

from importlib import import_module

import pytest

MOST = 1.5


@pytest.mark.parametrize("name", ["credentials", "drift", "orphans"])
def test_a_tick_waits_for_others_no_longer_than_it_may(name: str) -> None:
    assert import_module(f"intermodal.sensors.{name}").SECONDS <= MOST


def test_the_outage_sensor_waits_for_apis_and_golden_rows_at_once() -> None:
    probes = import_module("intermodal.sensors.probes")
    assert max(probes.ANSWER_SECONDS, probes.BEGIN_SECONDS + probes.GOLDEN_SECONDS) <= MOST


def test_staleness_waits_twice() -> None:
    assert 2 * import_module("intermodal.sensors.staleness").SECONDS <= MOST
