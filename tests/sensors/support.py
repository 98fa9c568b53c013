"""Many models without a cloud: definitions that carry specs, and ticks of a sensor as the daemon makes them."""

import json
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import dagster as dg
import pytest

from intermodal.assets.specs import SPEC
from intermodal.platform.resilience.correlation import SelfView
from intermodal.platform.spec import ModelSpec
from intermodal.sensors.toolkit import champions, notifications, self_probe
from intermodal.sensors.toolkit.concurrency import SingleFlight
from intermodal.sensors.toolkit.drift_results import DriftResults
from tests.targets import SERVE

TIME_LIMITS = {
    "credentials": "RENEWAL_SECONDS",
    "drift": "LOOKUP_SECONDS",
    "orphans": "LISTING_SECONDS",
    "staleness": "LOOKUP_SECONDS",
    "toolkit.drift_results": "READING_SECONDS",
    "toolkit.champions": "REGISTRY_SECONDS",
    "toolkit.notifications": "DELIVERY_SECONDS",
}
"""Module of a sensor and the name of how long its tick waits for others."""


def be_patient(patch: pytest.MonkeyPatch) -> None:
    """Sensors wait long for whatever is in memory, and know nothing of the calls of other tests."""
    patch.setattr(champions, "_calls", SingleFlight())
    patch.setattr(notifications, "_queues", {})
    patch.setattr(self_probe, "measured", lambda look: (look(), SelfView()))
    patch.setattr(import_module("intermodal.sensors.drift"), "_results", DriftResults())
    for name, limit in TIME_LIMITS.items():
        patch.setattr(import_module(f"intermodal.sensors.{name}"), limit, 30.0)


def spec(name: str, **more: Any) -> ModelSpec:
    """A model with rows for every month since 2024."""
    return ModelSpec.model_validate(
        {
            "name": name,
            "owner": "team:tests",
            "data": {"function": "data.rows", "partitions": {"monthly": {"start": "2024-01"}}},
            "features": {"function": "data.features", "target": "y"},
            "train": {"function": "train.fit"},
            "gate": {"metric": "roc_auc"},
            "serve": SERVE,
            **more,
        }
    )


def routes(specs: Sequence[ModelSpec], code_version: str | None = None) -> list[dg.AssetSpec]:
    """``<model>/route`` of each, which is where sensors find the specs."""
    return [
        dg.AssetSpec([spec.name, "route"], metadata={SPEC: spec.model_dump_json()}, code_version=code_version)
        for spec in specs
    ]


def jobs(names: Sequence[str], prefix: str = "deploy_") -> list[dg.JobDefinition]:
    @dg.op
    def nothing() -> None: ...

    return [dg.GraphDefinition(f"{prefix}{name}", node_defs=[nothing]).to_job() for name in names]


class Ticks:
    """The ticks of one sensor, which keep its cursor as the daemon does. ``restarted`` forgets it or damages it."""

    def __init__(
        self,
        sensor: dg.SensorDefinition,
        resources: Mapping[str, Any],
        instance: dg.DagsterInstance,
        others: Sequence[dg.SensorDefinition] = (),
        **defs: Any,
    ) -> None:
        self.sensor, self.resources, self.instance = sensor, dict(resources), instance
        self.definitions = dg.Definitions(sensors=[sensor, *others], resources=self.resources, **defs)
        self.repository = self.definitions.get_repository_def()
        self.cursor: str | None = None
        self.keys: list[str] = []
        self.requests: list[dg.RunRequest] = []

    def __call__(self) -> str:
        """The tick's message. Requests whose key was seen before are dropped, as the daemon drops them."""
        context = dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, resources=self.resources, repository_def=self.repository
        )
        result = self.sensor.evaluate_tick(context)
        self.cursor = result.cursor
        self.requests = [each for each in result.run_requests or () if each.run_key not in self.keys]
        self.keys += [str(each.run_key) for each in self.requests]
        return result.skip_message or ""

    def remembered(self) -> Any:
        return json.loads(self.cursor or "{}")

    def run(self, request: dg.RunRequest, status: dg.DagsterRunStatus) -> dg.DagsterRun:
        """The run that the daemon makes of a request, in this state."""
        tags = {**request.tags, "dagster/sensor_name": self.sensor.name}
        return self.instance.add_run(dg.DagsterRun(job_name=str(request.job_name), tags=tags, status=status))
