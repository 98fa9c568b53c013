"""A registry, a gateway and the sensor ``deployments`` for two models, without a cloud."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

from intermodal.platform.errors import Unavailable
from intermodal.platform.ports.gateway import Route
from intermodal.platform.ports.registry import Identity
from intermodal.sensors.deployments import deployments
from tests.memory import MemoryGateway, MemoryNotifications, MemoryNotifier, MemoryRollouts
from tests.sensors.support import Ticks, jobs, routes, spec
from tests.targets import AWS

DONE, RUNS = dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.STARTED
SUCCESS = dg.DagsterEventType.RUN_SUCCESS

SERVED = "Every champion is served, as its spec says."
module = import_module("intermodal.sensors.deployments")  # the package has the sensor under the same name


class Registry:
    def __init__(self) -> None:
        self.known: dict[str, str] = {}
        self.digests: dict[str, str] = {}
        self.down = False

    def champions(self) -> dict[str, Identity]:
        if self.down:
            raise Unavailable("MLflow does not answer.")
        return {name: Identity(version, self.digests.get(name, "")) for name, version in self.known.items()}


class World:
    def __init__(self, instance: dg.DagsterInstance, clock: Any) -> None:
        self.clock, self.instance = clock, instance
        self.registry, self.gateway, self.notifier = Registry(), MemoryGateway([]), MemoryNotifier()
        self.rollouts = MemoryRollouts()
        self.resources = {
            "registry": self.registry,
            "gateway": self.gateway,
            "notifications": MemoryNotifications(self.notifier),
            "rollouts": self.rollouts,
        }
        self.reload("1 replica")
        self.serve("m", "1.0.0")

    def reload(self, stated: str) -> None:
        """The definitions are loaded anew: what ``m`` states is this."""
        cursor, keys = (self.tick.cursor, self.tick.keys) if hasattr(self, "tick") else (None, [])
        self.stated = stated
        assets = [*routes([spec("m")], code_version=stated), *routes([spec("n")], code_version="1 replica")]
        self.tick = Ticks(deployments(jobs(["m", "n"])), self.resources, self.instance, assets=assets)
        self.tick.cursor, self.tick.keys = cursor, keys

    def serve(self, model: str, version: str, digest: str = "") -> None:
        """What a run of ``deploy_<model>`` leaves when it ends well."""
        self.gateway.routes[model] = Route(model, version, {AWS: 1}, {}, "{}", digest)
        made = dg.AssetMaterialization([model, "route"], tags={"dagster/code_version": self.stated})
        self.instance.report_runless_asset_event(made)

    def later(self) -> str:
        """The next tick, 30 s later."""
        self.clock.now += 30
        return self.tick()

    def requested(self) -> dg.DagsterRun:
        """The run of what this tick asks for, which is one deployment, begun."""
        self.later()
        (request,) = self.tick.requests
        return self.tick.run(request, RUNS)

    def end(self, run: dg.DagsterRun, how: dg.DagsterEventType = dg.DagsterEventType.RUN_FAILURE) -> None:
        self.instance.report_dagster_event(dg.DagsterEvent(how.value, run.job_name), run_id=run.run_id)


@contextmanager
def two_models(patch: pytest.MonkeyPatch) -> Iterator[World]:
    clock = SimpleNamespace(now=time.time() - 3600)  # runs end now
    patch.setattr(module, "time", SimpleNamespace(time=lambda: clock.now))
    with dg.DagsterInstance.ephemeral() as instance:
        yield World(instance, clock)
