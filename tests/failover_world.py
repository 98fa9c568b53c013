"""A model that serves on targets in memory, a daemon that watches it, and a way to kill that daemon anywhere."""

import logging
import tempfile
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from intermodal.platform.deployment.requests import golden_of_mirror, prefix
from intermodal.platform.errors import IntermodalError, Unavailable
from intermodal.platform.ports.endpoints import endpoint_name
from intermodal.platform.ports.gateway import Route
from intermodal.platform.ports.notifications import Notice, Receipt
from intermodal.platform.ports.registry import Candidate, Fingerprint, RegisteredVersion, TrainingRecord
from intermodal.platform.protocol.manifest import Manifest
from intermodal.platform.resilience.capacity import deploy_verified
from intermodal.platform.resilience.context import FailoverContext
from intermodal.platform.resilience.detection import DetectionPolicy, DetectionState, look
from intermodal.platform.resilience.failover import Outage, fail_over, opened
from intermodal.platform.resilience.failover_plan import contained, desired_replicas, recovering, weights_without
from intermodal.platform.resilience.recovery import recover
from intermodal.platform.spec import ModelSpec
from intermodal.platform.targets import Target, select, sites_of
from intermodal.sensors.outage import events_of, upstreams_of
from tests import tiny_package
from tests.memory import (
    MemoryDeployment,
    MemoryGateway,
    MemoryIncidents,
    MemoryNotifications,
    MemoryNotifier,
    MemoryRegistry,
    MemoryStore,
    MemoryTarget,
)
from tests.targets import SERVE, TARGETS

MODEL = "flight_delay"
NAME = endpoint_name(MODEL, "1.0.0", "sandbox")
COLD = {"failover": {"cold": ["gcp"]}}
SPEC = ModelSpec.model_validate(
    {
        "name": MODEL,
        "owner": "team:airline-operations",
        "data": {"function": "d.f", "partitions": {"monthly": {"start": "2013-01"}}},
        "features": {"function": "d.g", "target": "late"},
        "train": {"function": "t.f"},
        "gate": {"metric": "roc_auc"},
        "serve": SERVE,
    }
)
SILENT = logging.getLogger("tests.failover")
SILENT.disabled = True


def spec_with(**fields: Any) -> ModelSpec:
    return ModelSpec.model_validate({**SPEC.model_dump(), **fields})


class Killed(BaseException):
    """The process was killed: no handler catches this."""


@dataclass
class Killer:
    """Kills at the ``kill_at``-th port call, before or after its effect. ``died_at`` names the call."""

    kill_at: int = 0
    after: bool = False
    calls: int = 0
    died_at: str = ""
    log: list[str] = field(default_factory=list)

    def around(self, port: Any, label: str) -> Any:
        return _Killing(port, label, self)

    def arm(self, kill_at: int, after: bool) -> None:
        self.kill_at, self.after, self.calls, self.died_at = kill_at, after, 0, ""


class _Killing:
    def __init__(self, port: Any, label: str, killer: Killer) -> None:
        self._port, self._label, self._killer = port, label, killer

    def __getattr__(self, name: str) -> Any:
        value, killer = getattr(self._port, name), self._killer
        if not callable(value):
            return value

        def call(*args: Any, **kwargs: Any) -> Any:
            killer.calls += 1
            killer.log.append(f"{self._label}.{name}")
            mine = killer.calls == killer.kill_at
            if mine and not killer.after:
                killer.died_at = f"before {self._label}.{name}"
                raise Killed
            result = value(*args, **kwargs)
            if mine:
                killer.died_at = f"after {self._label}.{name}"
                raise Killed
            return result

        return call


class FlakyNotifier(MemoryNotifier):
    failing = 0

    def send(self, notice: Notice, skip: Collection[str] = ()) -> Receipt:
        if self.failing:
            self.failing -= 1
            return Receipt(failure=Unavailable("no recipient could be reached"))
        return super().send(notice, skip)


class DownRegistry:
    def __getattr__(self, name: str) -> Any:
        raise Unavailable("MLflow does not answer")


def record() -> TrainingRecord:
    mark = Fingerprint("s", "d", "c", "p", "e")
    return TrainingRecord(
        MODEL, "run", "binary", tiny_package.SIGNATURE, mark, {}, "2013-03-01", {}, {"roc_auc": 0.7}, {}, "c"
    )


class World:
    """A served model. ``gone`` targets answer nothing: neither API, nor store, nor requests."""

    def __init__(self, folder: Path, spec: ModelSpec = SPEC, version: str = "1.0.0") -> None:
        self.spec, self.folder = spec, folder
        self.stores = {site: GoneStore(site) for site in sites_of((*TARGETS, *spec.targets))}
        everywhere = dict.fromkeys((*TARGETS, *spec.targets))
        self.targets = {target: MemoryTarget(target, self.stores[target.site]) for target in everywhere}
        self.gateway = MemoryGateway(list(self.targets.values()))
        self.incidents, self.notifier = MemoryIncidents(), FlakyNotifier()
        self.notifications = MemoryNotifications(self.notifier)
        self.registry: Any = MemoryRegistry(folder)
        self.killer, self.clock, self.watch, self.requested = Killer(), 1000.0, DetectionState(), Counter[str]()
        self.failures: list[str] = []
        self.candidate = Candidate(record(), str(folder), Manifest.of(folder))
        self.deploy(version)
        for target in self.targets.values():
            target.changes = 0
            target.deploys.clear()

    def ports(self, kill: bool = True) -> FailoverContext:
        around = self.killer.around if kill else lambda port, _: port
        return FailoverContext(
            gateway=around(self.gateway, "gateway"),
            incidents=around(self.incidents, "incidents"),
            notifications=around(self.notifications, "notifications"),
            deployment=MemoryDeployment(),
            stores={site: around(store, f"{site} store") for site, store in self.stores.items()},
            targets={target: around(adapter, f"{target} target") for target, adapter in self.targets.items()},
            registry=around(self.registry, "registry"),
            log=SILENT,
            now=lambda: self.clock,
            pause=lambda _: None,
        )

    def deploy(self, version: str, down: frozenset[Target] = frozenset()) -> None:
        """What the assets do: mirrors, endpoints and route of a version, without the targets that are down."""
        self.registry.registered.append(RegisteredVersion(version, version, self.candidate))
        ctx, upstreams = self.ports(kill=False), []
        for target, count in desired_replicas(self.spec, down).items():
            self.stores[target.site].mirror(self.folder, self.candidate.manifest, prefix(MODEL, version))
            if count:
                endpoint = deploy_verified(ctx, self.spec, target, version, count, down)
                upstreams.append(self.targets[target].upstream(endpoint))
        body, _ = golden_of_mirror(self.stores[upstreams[0].target.site], MODEL, version)
        weights = weights_without(self.spec, down, [upstream.target for upstream in upstreams])
        self.gateway.publish(Route(MODEL, version, weights, {}, body.decode()), upstreams)
        for target, adapter in self.targets.items():
            for name in list(adapter.endpoints):
                if target not in down and name != endpoint_name(MODEL, version, "sandbox"):
                    adapter.delete(name)

    def kill_cloud(self, *names: str) -> None:
        """Targets, sites or clouds stop answering, with the object stores of their sites."""
        self._set_gone(names, True)

    def revive(self, *names: str) -> None:
        self._set_gone(names, False)

    def _set_gone(self, names: Sequence[str], gone: bool) -> None:
        for target in (target for name in names for target in select(name, self.targets)):
            self.targets[target].gone = self.stores[target.site].gone = gone

    def tick(self, forget: bool = False) -> list[str]:
        """A tick of the sensor and the run that it requests. Returns what was done."""
        self.clock += 5
        known = {(incident.model, incident.target): incident for incident in self.incidents.all(open_only=True)}
        serves = upstreams_of({MODEL: self.spec}, self.gateway.health(), known)
        answers = {key: self.targets[key[1]].answers() for key in known}
        handled = {key for key, incident in known.items() if not recovering(incident)}
        seen = look(DetectionState() if forget else self.watch, DetectionPolicy(), self.clock, serves, handled, answers)
        self.watch = seen.watch
        events = events_of({MODEL: self.spec}, seen, known, self.incidents, self.clock)
        for event in events[1:]:  # as the sensor does for failovers that wait
            if event.verb == "failover" and (event.model, event.target) not in known:
                opened(self.incidents, MODEL, Outage(event.incident, event.target, event.config["onset"]), self.clock)
        events = events[:1]
        for event in events:
            self.requested[event.verb] += 1
            try:
                if event.verb == "failover":
                    config = event.config
                    fail_over(self.ports(), self.spec, Outage(event.incident, event.target, config["onset"]))
                else:
                    recover(self.ports(), self.spec, event.incident)
            except IntermodalError as error:
                self.failures.append(error.message)
            except Killed:
                pass
        return [event.id for event in events]

    def run_until_stable(self, ticks: int = 80, forget: int = -1) -> None:
        """Tick until the sensor requests nothing for a while. ``forget``: the tick at which it loses its cursor."""
        quiet = 0
        for number in range(ticks):
            quiet = 0 if self.tick(forget=number == forget) else quiet + 1
            if quiet > 5:
                return
        raise AssertionError(f"not stable: {self.failures[-3:]}")

    def end(self) -> dict[str, Any]:
        """The observable end: what runs where, where traffic goes, what is recorded, which notices were sent."""
        route = self.gateway.route(MODEL)
        assert route is not None
        down = {incident.target for incident in self.incidents.all(open_only=True)}
        return {
            "weights": {str(target): weight for target, weight in sorted(route.weights.items())},
            "runs": {str(target): adapter.replicas for target, adapter in self.targets.items()},
            "incidents": [
                (
                    str(incident.target),
                    incident.is_open,
                    sorted({(entry.step, entry.key) for entry in incident.entries}),
                )
                for incident in self.incidents.all()
            ],
            "contained": all(
                contained(incident, self.spec, down) for incident in self.incidents.all() if incident.is_open
            ),
            "notices": sorted({notice.title for notice in self.notices}),
        }

    @property
    def changes(self) -> int:
        """How often a cloud really changed something."""
        return sum(target.changes for target in self.targets.values())

    @property
    def notices(self) -> list[Notice]:
        return self.notifier.sent


class GoneStore(MemoryStore):
    gone = False
    failing = False

    def _reach(self) -> None:
        if self.gone or self.failing:
            raise Unavailable(f"the store of {self.site} answers 500")

    def mirror(self, *args: Any) -> Any:
        self._reach()
        return super().mirror(*args)

    def damaged(self, *args: Any) -> Any:
        self._reach()
        return super().damaged(*args)

    def changed(self, *args: Any) -> Any:
        self._reach()
        return super().changed(*args)

    def get(self, key: str) -> bytes:
        self._reach()
        return super().get(key)


_FOLDER = tempfile.TemporaryDirectory()
_PACKAGE: list[Path] = []


def package() -> Path:
    if not _PACKAGE:
        _PACKAGE.append(tiny_package.build(Path(_FOLDER.name) / "package"))
    return _PACKAGE[0]


def build_world(**fields: Any) -> World:
    return World(package(), spec_with(**fields) if fields else SPEC)


__all__ = ["MODEL", "SPEC", "DownRegistry", "Killed", "World", "build_world", "package", "replace", "spec_with"]


def outage_and_back(world: World, forget: int = -1, **_: Any) -> None:
    world.kill_cloud("aws")
    world.run_until_stable(forget=forget)
    world.revive("aws")
    world.run_until_stable(forget=forget)
