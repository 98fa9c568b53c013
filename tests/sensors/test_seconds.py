"""No tick may wait 2 s for others that do not answer, all of them together: clouds, tables, the champions, people."""

from importlib import import_module

import pytest

from intermodal.sensors.toolkit import champions, notifications

MOST = 2.0
PROBES = import_module("intermodal.sensors.toolkit.probes")


def seconds(name: str) -> float:
    return float(import_module(f"intermodal.sensors.{name}").SECONDS)


@pytest.mark.parametrize(
    "waits",
    [
        [seconds("credentials")],
        [seconds("drift"), champions.SECONDS, notifications.SECONDS],
        [seconds("orphans"), champions.SECONDS, notifications.SECONDS],
        [2 * seconds("staleness"), champions.SECONDS, notifications.SECONDS],  # months, and the age of new champions
        [champions.SECONDS, notifications.SECONDS],  # deployments
        [max(PROBES.ANSWER_SECONDS, PROBES.BEGIN_SECONDS + PROBES.GOLDEN_SECONDS)],  # outage: APIs beside golden rows
    ],
)
def test_a_tick_waits_for_others_no_longer_than_it_may(waits: list[float]) -> None:
    assert sum(waits) < MOST
