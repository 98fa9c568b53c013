"""What is champion, asked in bounded time: MLflow's own client tries a dead server again for four minutes."""

import time
from collections.abc import Mapping

import dagster as dg

from intermodal.assets import ports
from intermodal.platform.errors import Unavailable
from intermodal.sensors.toolkit.single_flight import Pending

SECONDS = 0.8
_asked: Pending[tuple[float, Mapping[str, str]]] = Pending()


def champions(context: dg.SensorEvaluationContext, sensor: str, lately: float) -> Mapping[str, str]:
    """The champion's version of each model that has one; Unavailable when there is no answer in time. An answer may be
    to the question of an earlier tick of this ``sensor``, which then went on, if that was no longer ago than
    ``lately``, in seconds: a registry that is slow, but not dead, is heard at every other tick."""
    registry, asked = ports.registry(context), time.monotonic()
    answers = _asked.ask({sensor: lambda: (asked, registry.champions())}, SECONDS)
    if sensor in answers.failed:
        raise Unavailable(f"The registry does not say what is champion: {answers.failed[sensor]}.")
    began, found = answers.found[sensor]
    if asked - began > lately:
        raise Unavailable("The registry said too late what is champion. It is asked again by the next tick.")
    return found
