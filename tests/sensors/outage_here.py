"""What the tests of the outage sensor share: two models on three clouds, and a clock of their own."""

import sys
import time
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

from intermodal.assets.ports import target_key
from intermodal.platform.deployment.routing import even_weights
from intermodal.platform.ports.endpoints import Endpoint, endpoint_name
from intermodal.platform.ports.gateway import Route
from intermodal.platform.ports.incidents import Entry, Incident
from intermodal.platform.resilience.detection import WatchPolicy
from intermodal.platform.targets import TARGETS
from intermodal.sensors.outage import upstreams_of, outage
from tests.memory import MemoryDeployment, MemoryGateway, MemoryIncidents, MemoryStore, MemoryTarget
from tests.sensors import support

STATUS = dg.DagsterRunStatus
MODELS = ("flights", "wine")


class Here:
    """Two models on three clouds, and the sensor that watches them every five seconds of a clock of its own."""

    def __init__(self, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
        self.targets = {target.cloud: MemoryTarget(target, MemoryStore(target.cloud)) for target in TARGETS}
        self.gateway, self.incidents = MemoryGateway(list(self.targets.values())), MemoryIncidents()
        for model in MODELS:
            name = endpoint_name(model, "1.0.0", "sandbox")
            served = {t: Endpoint(t, name, model, "1.0.0", "https://x", "ready") for t in TARGETS}
            for target, endpoint in served.items():
                self.targets[target.cloud].endpoints[name] = endpoint
            upstreams = [self.targets[t.cloud].upstream(endpoint) for t, endpoint in served.items()]
            self.gateway.publish(Route(model, "1.0.0", even_weights(self.targets), {}, "{}"), upstreams)  # type: ignore[arg-type]
        self.watch = SimpleNamespace(policy=WatchPolicy())
        self.resources = {
            "gateway": self.gateway,
            "incidents": self.incidents,
            "deployment": MemoryDeployment(),
            "watch": self.watch,
            **{target_key(place.target): place for place in self.targets.values()},
        }
        specs = [support.spec(model) for model in MODELS]
        jobs = [*support.jobs(MODELS, "failover_"), *support.jobs(MODELS, "recover_")]
        self.ticks = support.Ticks(outage(jobs), self.resources, instance, assets=support.routes(specs), jobs=jobs)
        self.instance = instance
        self.now = time.time()
        monkeypatch.setattr(sys.modules[upstreams_of.__module__], "time", SimpleNamespace(time=lambda: self.now))

    def tick(self, times: int = 1) -> str:
        said = ""
        for _ in range(times):
            self.now += 5
            said = self.ticks()
        return said

    @property
    def asked(self) -> list[str]:
        return [str(request.job_name) for request in self.ticks.requests]

    def opened(self, *steps: tuple[Any, str]) -> Incident:
        incident = self.incidents.open(Incident("wine-aws-1", "wine", "aws", 1.0))
        for step, key in steps:
            incident = self.incidents.note(incident.id, Entry(2.0, step, key, ""))
        return incident


CONTAINED = (("drained", "0"), ("capacity", "0"), ("told", "down"))
