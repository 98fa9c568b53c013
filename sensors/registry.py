"""What is champion, asked in bounded time: MLflow's own client tries a dead server again for four minutes."""

from collections.abc import Mapping

import dagster as dg

from intermodal.assets import resources
from intermodal.platform.errors import Unavailable
from intermodal.sensors.pending import Pending

SECONDS = 1.0
_asked: Pending[Mapping[str, str]] = Pending()


def champions(context: dg.SensorEvaluationContext, sensor: str) -> Mapping[str, str]:
    """The champion's version of each model that has one; Unavailable when there is no answer in time. An answer may be
    to the question of an earlier tick of this ``sensor``, which then went on."""
    answers = _asked.ask({sensor: resources.registry(context).champions}, SECONDS)
    if sensor in answers.failed:
        raise Unavailable(f"The registry does not say what is champion: {answers.failed[sensor]}.")
    return answers.found[sensor]
