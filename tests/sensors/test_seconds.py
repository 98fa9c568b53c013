"""No tick may wait 2 s for others that do not answer, together: clouds, tables, the champions, notifications."""

from importlib import import_module

import pytest

from tests.sensors.support import TIME_LIMITS

MAX_SECONDS = 2.0
PROBES = import_module("intermodal.sensors.toolkit.probes")


def seconds(name: str) -> float:
    return float(getattr(import_module(f"intermodal.sensors.{name}"), TIME_LIMITS[name]))


REGISTRY, DELIVERY = seconds("toolkit.champions"), seconds("toolkit.notifications")


@pytest.mark.parametrize(
    "waits",
    [
        [seconds("credentials")],
        [seconds("toolkit.drift_results"), seconds("drift"), REGISTRY, DELIVERY],
        [seconds("orphans"), REGISTRY, DELIVERY],
        [2 * seconds("staleness"), REGISTRY, DELIVERY],  # months, and the age of new champions
        [REGISTRY, DELIVERY],  # deployments
        [max(PROBES.ANSWER_SECONDS, PROBES.BEGIN_SECONDS + PROBES.GOLDEN_SECONDS)],  # outage: APIs beside golden rows
    ],
)
def test_tick_that_gets_no_answers_ends_in_time(waits: list[float]) -> None:
    assert sum(waits) < MAX_SECONDS
