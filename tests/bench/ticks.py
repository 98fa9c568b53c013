"""How long a tick takes for 1,000 models on three clouds, with stand-ins: ``python -m tests.bench.ticks``."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import dagster as dg

from intermodal.platform.deployment.routing import even_weights
from intermodal.platform.ports.endpoints import Upstream
from intermodal.platform.ports.gateway import Route
from intermodal.platform.ports.incidents import Entry, Incident, Step
from intermodal.platform.resilience.detection import DetectionPolicy
from intermodal.platform.targets import Target
from intermodal.resources.storage.incidents import JsonIncidents
from intermodal.sensors.outage import outage
from tests.bench.report import Rounds, Section
from tests.memory import MemoryDeployment, MemoryGateway, MemoryStore, MemoryTarget, MemoryTargets
from tests.sensors import support
from tests.targets import AWS, TARGETS

MODELS, TICKS = 1000, 7
CONTAINED: tuple[tuple[Step, str], ...] = (("detected", "0"), ("drained", "0"), ("capacity", "0"), ("notified", "down"))


@dataclass(frozen=True)
class Tick:
    """Seconds of one sensor's tick in one situation. ``runs`` is how many runs the last tick requested."""

    sensor: str
    situation: str
    seconds: Rounds
    runs: int


def fleet(models: int = MODELS) -> tuple[MemoryGateway, dict[Target, MemoryTarget]]:
    """A gateway in memory with that many models on three clouds."""
    targets = {target: MemoryTarget(target, MemoryStore(target.site)) for target in TARGETS}
    gateway = MemoryGateway(list(targets.values()))
    for number in range(models):
        upstreams = [Upstream(target, "1.0.0", "https://x") for target in TARGETS]
        weights = even_weights(upstream.target for upstream in upstreams)
        gateway.publish(Route(f"m{number}", "1.0.0", weights, {}, "{}"), upstreams)
    return gateway, targets


@contextmanager
def outage_ticks(models: int = MODELS) -> Iterator[tuple[support.Ticks, dict[Target, MemoryTarget], JsonIncidents]]:
    """Incidents are documents as in production, and runs are requested in a real SQLite storage."""
    gateway, targets = fleet(models)
    names = [f"m{number}" for number in range(models)]
    jobs = [*support.jobs(names, "failover_"), *support.jobs(names, "recover_")]
    with tempfile.TemporaryDirectory() as folder, dg.DagsterInstance.local_temp(folder) as instance:
        incidents = JsonIncidents(address=f"{folder}/incidents")
        policy = DetectionPolicy(down_seconds=0.0, up_seconds=0.0)
        resources: dict[str, Any] = {
            "gateway": gateway,
            "incidents": incidents,
            "deployment": MemoryDeployment(),
            "watch": SimpleNamespace(policy=policy),
            "targets": MemoryTargets(targets),
        }
        specs = [support.spec(name) for name in names]
        yield (
            support.Ticks(outage(jobs), resources, instance, assets=support.routes(specs), jobs=jobs),
            targets,
            incidents,
        )


def measure(ticks: support.Ticks, situation: str, times: int = TICKS) -> Tick:
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        ticks()
        seconds.append(time.perf_counter() - started)
    return Tick(ticks.sensor.name, situation, Rounds(seconds), len(ticks.requests))


def outage_figures(models: int = MODELS) -> list[Tick]:
    found = []
    with outage_ticks(models) as (ticks, targets, incidents):
        found.append(measure(ticks, "the first tick", 1))
        found.append(measure(ticks, "all is well"))
        targets[AWS].gone = True
        found.append(measure(ticks, "one cloud is unavailable, first look", 1))
        found.append(measure(ticks, "one cloud is unavailable, a run for each model", 1))
        for request in ticks.requests[: models // 5]:
            ticks.run(request, dg.DagsterRunStatus.STARTED)
        found.append(measure(ticks, f"{models // 5} runs are at work"))
        ticks.instance.wipe()
        for number in range(models):
            incident = incidents.open(Incident(f"m{number}-{AWS.dotted}-1", f"m{number}", AWS, 1.0))
            for step, key in CONTAINED:
                incident = incidents.note(incident.id, Entry(2.0, step, key, "x" * 60))
        found.append(measure(ticks, f"{models:,} open incidents"))
        targets[AWS].gone = False
        found.append(measure(ticks, "the cloud is back, a recovery for each", 3))
    return found


def section() -> Section:
    rows = [[tick.sensor, tick.situation, tick.seconds, tick.runs] for tick in outage_figures()]
    text = (
        f"{MODELS:,} models on three clouds: the gateway in memory, incidents as files, Dagster's storage on SQLite. "
        f"Goal: less than 2 s. Up to {TICKS} ticks each; what comes only once in a situation was measured once."
    )
    return Section("The outage sensor", text, ["sensor", "situation", "seconds", "runs requested"], rows)


if __name__ == "__main__":
    print(section().markdown())  # noqa: T201
