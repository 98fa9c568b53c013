"""A model whose folder or spec does not load is reported to its owner, once for each time that it breaks."""

import json
import time
from collections.abc import Mapping
from typing import Any

import dagster as dg

from intermodal.assets import ports
from intermodal.assets.broken import BrokenModel, broken_models
from intermodal.platform.ports.notifications import Notice
from intermodal.sensors.toolkit.cursors import remembered, skip_reason
from intermodal.sensors.toolkit.instigators import location_of
from intermodal.sensors.toolkit.notifications import TickNotifier

NAME = "broken_models"


@dg.sensor(
    name=NAME,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    required_resource_keys={ports.NOTIFICATIONS},
    description="Notifies the owner of a model that does not load. The other models are loaded without it.",
)
def broken_model_notices(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    assert context.repository_def is not None
    broken, messages = broken_models(context.repository_def), list[str]()
    known, now = remembered(context, _onsets) or {}, time.time()
    onsets = {name: known.get(name, now) for name in broken}
    notifier = TickNotifier(context, NAME, messages)
    for name, model in broken.items():
        messages.append(f"{name} does not load")
        notifier.deliver(_notice(model, onsets[name], location_of(context)))
    return dg.SensorResult(cursor=json.dumps(onsets), skip_reason=skip_reason(messages, "Every model loads."))


def _onsets(data: Mapping[str, Any]) -> dict[str, float]:
    """Since when each model does not load, Unix seconds."""
    return {str(name): float(onset) for name, onset in data.items()}


def _notice(model: BrokenModel, onset: float, location: str | None) -> Notice:
    return Notice(
        severity="warning",
        title=f"The model {model.model} does not load",
        text=f"{model.reason} What serves goes on, but the model is not trained, and a model whose spec does not load "
        "is not deployed, monitored or failed over. Correct it, run 'dg check defs', then reload the code location.",
        owner=model.owner,
        key=f"broken-{location or ''}-{model.model}-{int(onset)}",
    )
