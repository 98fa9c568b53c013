"""What the tests of the outage sensor share: two models on several targets, and a clock of their own."""

import sys
import time
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

from intermodal.platform.deployment.routing import even_weights
from intermodal.platform.ports.endpoints import Endpoint, endpoint_name
from intermodal.platform.ports.gateway import Route
from intermodal.platform.ports.incidents import Entry, Incident
from intermodal.platform.resilience.detection import DetectionPolicy
from intermodal.platform.targets import Target, select
from intermodal.sensors.outage import outage, upstreams_of
from tests.memory import (
    MemoryDeployment,
    MemoryGateway,
    MemoryIncidents,
    MemoryNotifications,
    MemoryNotifier,
    MemoryStore,
    MemoryTarget,
    MemoryTargets,
)
from tests.sensors import support
from tests.targets import AWS, TARGETS

STATUS = dg.DagsterRunStatus
MODELS = ("flights", "wine")


class Here:
    """Two models on these targets, and the sensor that watches them every five seconds of a clock of its own.

    ``models`` are those that its code location defines."""

    def __init__(
        self,
        instance: dg.DagsterInstance,
        monkeypatch: pytest.MonkeyPatch,
        targets: Sequence[Target] = TARGETS,
        models: Sequence[str] = MODELS,
    ) -> None:
        self.targets = {target: MemoryTarget(target, MemoryStore(target.site)) for target in targets}
        self.gateway, self.incidents = MemoryGateway(list(self.targets.values())), MemoryIncidents()
        for model in MODELS:
            name = endpoint_name(model, "1.0.0", "sandbox")
            served = {t: Endpoint(t, name, model, "1.0.0", "https://x", "ready") for t in targets}
            for target, endpoint in served.items():
                self.targets[target].endpoints[name] = endpoint
            upstreams = [self.targets[t].upstream(endpoint) for t, endpoint in served.items()]
            self.gateway.publish(Route(model, "1.0.0", even_weights(self.targets), {}, "{}"), upstreams)
        self.notifier = MemoryNotifier()
        self.watch = SimpleNamespace(policy=DetectionPolicy())
        self.resources = {
            "gateway": self.gateway,
            "incidents": self.incidents,
            "deployment": MemoryDeployment(),
            "watch": self.watch,
            "notifications": MemoryNotifications(self.notifier),
            "targets": MemoryTargets(self.targets),
        }
        specs = [support.spec(model, serve=[str(target) for target in targets]) for model in models]
        jobs = [*support.jobs(models, "failover_"), *support.jobs(models, "recover_")]
        self.ticks = support.Ticks(outage(jobs), self.resources, instance, assets=support.routes(specs), jobs=jobs)
        self.instance = instance
        self.now = time.time()
        monkeypatch.setattr(sys.modules[upstreams_of.__module__], "time", SimpleNamespace(time=lambda: self.now))

    def tick(self, times: int = 1) -> str:
        message = ""
        for _ in range(times):
            self.now += 5
            message = self.ticks()
        return message

    def kill(self, *names: str) -> None:
        """Targets, sites or clouds stop answering."""
        self._set_gone(names, True)

    def revive(self, *names: str) -> None:
        self._set_gone(names, False)

    def _set_gone(self, names: Sequence[str], gone: bool) -> None:
        for target in (target for name in names for target in select(name, self.targets)):
            self.targets[target].gone = gone

    @property
    def requested(self) -> list[str]:
        return [str(request.job_name) for request in self.ticks.requests]

    def opened(self, *steps: tuple[Any, str]) -> Incident:
        incident = self.incidents.open(Incident("wine-aws.sagemaker-1", "wine", AWS, 1.0))
        for step, key in steps:
            incident = self.incidents.note(incident.id, Entry(2.0, step, key, ""))
        return incident


CONTAINED = (("drained", "0"), ("capacity", "0"), ("notified", "down"))
