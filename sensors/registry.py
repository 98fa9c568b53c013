"""What is champion, asked in bounded time: MLflow's own client tries a dead server again for four minutes."""

import time
from collections.abc import Mapping

import dagster as dg

from intermodal.assets import resources
from intermodal.platform.errors import Unavailable
from intermodal.sensors.pending import Pending

SECONDS = 1.0
LATELY = 60.0
"""An answer to a question that is older, in seconds, says nothing of now."""
_asked: Pending[tuple[float, Mapping[str, str]]] = Pending()


def champions(context: dg.SensorEvaluationContext, sensor: str) -> Mapping[str, str]:
    """The champion's version of each model that has one; Unavailable when there is no answer in time. An answer may be
    to the question of an earlier tick of this ``sensor``, which then went on, if that was lately."""
    registry, asked = resources.registry(context), time.monotonic()
    answers = _asked.ask({sensor: lambda: (asked, registry.champions())}, SECONDS)
    if sensor in answers.failed:
        raise Unavailable(f"The registry does not say what is champion: {answers.failed[sensor]}.")
    began, found = answers.found[sensor]
    if asked - began > LATELY:
        raise Unavailable("The registry said too late what is champion. It is asked again by the next tick.")
    return found
