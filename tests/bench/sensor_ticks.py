"""How long the ticks of the smaller sensors take with 1,000 models and 3,000 endpoints, all ports in memory.

.venv/bin/python -m tests.bench.sensor_ticks
"""

import json
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import dagster as dg
from dagster._core.remote_origin import InProcessCodeLocationOrigin, RemoteInstigatorOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    ScheduleInstigatorData,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from intermodal.platform.deployment.routing import even_weights
from intermodal.platform.monitoring.drift import State
from intermodal.platform.monitoring.drift_result import DriftResult, keep_drift
from intermodal.platform.ports.endpoints import Endpoint, endpoint_name
from intermodal.platform.ports.gateway import Route, Totals
from intermodal.platform.ports.incidents import Incident
from intermodal.platform.ports.notifications import Receipt
from intermodal.platform.ports.registry import Identity
from intermodal.sensors.credentials import gateway_credentials
from intermodal.sensors.deployments import deployments
from intermodal.sensors.drift import drift
from intermodal.sensors.drills import drills
from intermodal.sensors.heartbeat import heartbeat
from intermodal.sensors.orphans import orphans
from intermodal.sensors.staleness import staleness
from intermodal.sensors.toolkit import notifications
from intermodal.sensors.traffic import traffic
from tests.bench.report import Rounds, Section
from tests.memory import (
    MemoryDeployment,
    MemoryGateway,
    MemoryGauges,
    MemoryImages,
    MemoryIncidents,
    MemoryNotifications,
    MemoryRollouts,
    MemoryStore,
    MemoryStores,
    MemoryTables,
    MemoryTarget,
    MemoryTargets,
)
from tests.sensors.support import Ticks, jobs, routes, spec
from tests.targets import AWS, SITES, TARGETS

MODELS, ROUNDS = 1000, 5
DAY = 24 * 3600.0
ON = dg.DefaultScheduleStatus.RUNNING


@dataclass
class Registry:
    """Every model's champion is ``version``."""

    names: Sequence[str]
    version: str = "1.0.0"

    def champions(self) -> dict[str, Identity]:
        return dict.fromkeys(self.names, Identity(self.version))

    def champion(self, model: str) -> Any:  # noqa: ARG002
        candidate = SimpleNamespace(record=SimpleNamespace(holdout="2026-09-01"))
        return SimpleNamespace(version=self.version, registered_at=time.time(), candidate=candidate)


class SlowNotifier:
    """People who take 0.3 s for each notice."""

    def send(self, notice: Any, skip: Any = ()) -> Receipt:  # noqa: ARG002
        time.sleep(0.3)
        return Receipt(frozenset({"recipient"}))


def world(names: Sequence[str]) -> dict[str, Any]:
    """Every model is routed to all clouds, and one in ten has an open incident."""
    gateway, incidents, tables = MemoryGateway([]), MemoryIncidents(), MemoryTables()
    stores = {site: MemoryStore(site) for site in SITES}
    targets = [MemoryTarget(target, stores[target.site]) for target in TARGETS]
    for number, name in enumerate(names):
        gateway.routes[name] = Route(name, "1.0.0", even_weights(TARGETS), {}, "{}")
        tables.frames[name, "features", "2026-10-01"] = None  # type: ignore[assignment]
        if number % 10 == 0:
            incidents.open(Incident(f"{name}-{AWS.dotted}-1", name, AWS, 1.0))
        for adapter in targets:
            known = endpoint_name(name, "1.0.0", "sandbox")
            adapter.endpoints[known] = Endpoint(adapter.target, known, name, "1.0.0", "https://x", "ready")
            gateway.held.setdefault(name, {})[adapter.target] = adapter.upstream(adapter.endpoints[known])
    return {
        "registry": Registry(names),
        "gateway": gateway,
        "incidents": incidents,
        "rollouts": MemoryRollouts(),
        "tables": tables,
        "deployment": MemoryDeployment(),
        "gauges": MemoryGauges(),
        "notifications": MemoryNotifications(),
        "targets": MemoryTargets.of(targets),
        "images": MemoryImages(),
        "stores": MemoryStores(stores),
    }


def schedule_states(instance: dg.DagsterInstance, names: Sequence[str]) -> None:
    """Every schedule runs, began long ago, and never ticked."""
    repository = RemoteRepositoryOrigin(
        InProcessCodeLocationOrigin(LoadableTargetOrigin(executable_path="python")), "here"
    )
    for name in names:
        origin, data = RemoteInstigatorOrigin(repository, f"monthly_{name}"), ScheduleInstigatorData("0 0 2 * *", 1.0)
        kind, status = InstigatorType.SCHEDULE, InstigatorStatus.DECLARED_IN_CODE
        instance.add_instigator_state(InstigatorState(origin, kind, status, data))


@dataclass(frozen=True)
class Row:
    """Seconds of the ticks of one sensor in one situation."""

    sensor: str
    situation: str
    seconds: Rounds
    cursor_bytes: int
    runs: int


def rows(models: int) -> list[Row]:
    """Every sensor's ticks for that many models."""
    names = [f"model_{number:04}" for number in range(models)]
    specs, resources = [spec(name, stale_after_days=30) for name in names], world(names)
    stated = [dg.AssetSpec([name, "endpoint", target.kind], code_version="1") for name in names for target in TARGETS]
    own: dict[str, Any] = {"assets": [*routes(specs, code_version="1"), *stated]}
    (job,) = jobs(["data"], "")
    # As many schedules as models; all of one cron expression, which are looked at together.
    monthly = [
        dg.ScheduleDefinition(f"monthly_{name}", cron_schedule="0 0 2 * *", job=job, default_status=ON)
        for name in names
    ]
    with tempfile.TemporaryDirectory() as folder, dg.DagsterInstance.local_temp(folder) as instance:

        def tick(sensor: dg.SensorDefinition, **more: Any) -> Ticks:
            return Ticks(sensor, resources, instance, **own, **more)

        def deployed() -> None:
            for asset in own["assets"]:
                made = dg.AssetMaterialization(asset.key, tags={"dagster/code_version": "1"})
                instance.report_runless_asset_event(made)

        def promoted() -> None:
            resources["registry"].version = "1.1.0"

        def running() -> None:
            for name in names:
                run = dg.DagsterRun(job_name=f"deploy_{name}", tags={"model": name}, status=dg.DagsterRunStatus.STARTED)
                instance.add_run(run)

        def replaced() -> None:
            for name in names:
                resources["gateway"].routes[name] = Route(name, "2.0.0", even_weights(TARGETS), {}, "{}")

        def busy() -> None:
            resources["gateway"].counted |= {name: Totals(10_000) for name in names}

        def measured(state: State) -> None:
            for name in names:
                found = DriftResult(resources["registry"].version, state, time.time(), 10_000)
                for tables in (resources["tables"], old):
                    keep_drift(tables, name, found)
                instance.report_runless_asset_event(dg.AssetMaterialization(dg.AssetKey([name, "drift"])))

        def expiring() -> None:
            for adapter in (resources["targets"].get(target) for target in TARGETS):
                adapter.expires_at = time.time() + 60
                for name in names:
                    known = adapter.endpoints[endpoint_name(name, "1.0.0", "sandbox")]
                    resources["gateway"].held[name][adapter.target] = adapter.upstream(known)
                adapter.expires_at = time.time() + 3600

        # Everything is late and there is no newer data to train on, so people are notified of every model.
        old = MemoryTables({(name, "features", "2024-01-01"): None for name in names})  # type: ignore[misc]

        def slow(sensor: dg.SensorDefinition) -> Ticks:
            notifications._queues.clear()  # notices of an earlier row
            return Ticks(
                sensor,
                {**resources, "tables": old, "notifications": MemoryNotifications(SlowNotifier())},
                instance,
                **own,
            )

        deploys, retrains = jobs(names), jobs(names, "retrain_")
        return [
            _row("deployments", "every champion is served", tick(deployments(deploys)), deployed),
            _row("deployments", f"{models:,} promotions at once", tick(deployments(deploys)), promoted),
            _row("staleness", f"{min(models, 200)} models a tick", tick(staleness)),
            _row("heartbeat", "all is well", tick(heartbeat, schedules=monthly)),
            _row(
                "heartbeat",
                f"{models:,} schedules were due",
                tick(heartbeat, schedules=monthly),
                partial(schedule_states, instance, names),
                31 * DAY,
            ),
            _row("orphans", "none", tick(orphans)),
            _row("orphans", "every endpoint without a use", tick(orphans), replaced, 600),
            _row("deployments", f"{models:,} promotions, as many runs", tick(deployments(deploys)), running),
            _row("orphans", f"{models:,} runs in progress", tick(orphans)),
            _row("traffic", "every model had enough requests", tick(traffic(jobs(names, "watch_"))), busy),
            _row("drift", "measured, and none drifted", tick(drift(retrains)), partial(measured, "none")),
            _row("drift", f"{models:,} drifted at once", tick(drift(retrains)), partial(measured, "drifted")),
            _row("drift", f"{models:,} notices, 0.3 s each", slow(drift(retrains))),
            _row("staleness", f"{min(models, 200)} notices, 0.3 s each", slow(staleness)),
            _row("drills", "none is on", tick(drills)),
            _row("gateway_credentials", "none expires soon", tick(gateway_credentials)),
            _row("gateway_credentials", f"{3 * models:,} expire soon", tick(gateway_credentials), expiring),
        ]


def measure() -> Section:
    return Section(
        "Sensor ticks",
        f"{MODELS:,} models and {MODELS * len(TARGETS):,} endpoints, every port in memory and Dagster's own storage on "
        f"SQLite; {ROUNDS} ticks each, of which the first has no cursor. The goal is less than 2 s.",
        ("sensor", "situation", "seconds", "cursor, bytes", "runs requested"),
        [[getattr(row, part) for part in vars(row)] for row in rows(MODELS)],
    )


def _row(
    sensor: str, situation: str, tick: Ticks, before: Callable[[], None] = lambda: None, step: float = 120.0
) -> Row:
    before()
    taken, requested = [], 0
    for number in range(ROUNDS):
        now = time.time() + step * number
        if sensor == "heartbeat" and step > 120 and number:  # the daemon was never down
            tick.cursor = json.dumps({**tick.remembered(), "at": now - 30, "since": 1.0})
        with patch("time.time", lambda now=now: now):
            started = time.perf_counter()
            tick()
            taken.append(time.perf_counter() - started)
        requested += len(tick.requests)
    return Row(sensor, situation, Rounds(taken), len(tick.cursor or ""), requested)


if __name__ == "__main__":
    print(measure().markdown())  # noqa: T201
