"""The champions, read in bounded time: MLflow's own client retries a dead server for four minutes."""

import time
from collections.abc import Mapping

import dagster as dg

from intermodal.assets import ports
from intermodal.platform.errors import Unavailable
from intermodal.platform.ports.registry import Identity
from intermodal.sensors.toolkit.concurrency import SingleFlight

REGISTRY_SECONDS = 0.8
"""How long a tick waits for the registry."""
_calls: SingleFlight[tuple[float, Mapping[str, Identity]]] = SingleFlight()


def champions(context: dg.SensorEvaluationContext, sensor: str, max_age: float) -> Mapping[str, Identity]:
    """The champion's version and digest of each model that has one; Unavailable when there is no answer in time.

    An answer may be to the call of an earlier tick of this ``sensor`` if that began at most ``max_age`` seconds ago: a
    registry that is slow, but not dead, is heard at every other tick.
    """
    registry, now = ports.registry(context), time.monotonic()
    answers = _calls.gather({sensor: lambda: (now, registry.champions())}, REGISTRY_SECONDS)
    if sensor in answers.failed:
        raise Unavailable(f"The registry does not give the champions: {answers.failed[sensor]}.")
    began, found = answers.found[sensor]
    if now - began > max_age:
        raise Unavailable("The registry gave the champions too late. The next tick reads them again.")
    return found
