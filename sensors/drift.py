"""Drift → retrain → redeploy: once for each onset, never in a loop (platform/monitoring/retraining.py decides)."""

import json
import time
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import partial

import dagster as dg

from intermodal.assets import ports
from intermodal.assets.partitions import added
from intermodal.assets.runs import MAX_RUN_RECORDS, RUNNING, crashed_at, created_at
from intermodal.assets.specs import specs_of
from intermodal.platform.errors import Unavailable
from intermodal.platform.monitoring.retraining import (
    DriftObservation,
    RetrainingDecision,
    RetrainingMemory,
    decide,
    recalled,
)
from intermodal.platform.ports import ModelRegistry, Tables
from intermodal.platform.ports.notifications import Notice
from intermodal.platform.registry.champion import champion_of
from intermodal.platform.spec import ModelSpec
from intermodal.platform.training.windows import is_newer
from intermodal.sensors.toolkit.champions import champions
from intermodal.sensors.toolkit.concurrency import Answers, gather_with_timeout, round_robin
from intermodal.sensors.toolkit.cursors import remembered, skip_reason
from intermodal.sensors.toolkit.drift_results import DriftResults
from intermodal.sensors.toolkit.jobs import JobDefinitions
from intermodal.sensors.toolkit.notifications import TickNotifier

CAUSE, DRIFT_OF = "intermodal/cause", "drift of "
"""Tag of the runs requested here, and what its value begins with; the decision's key follows."""
SENSOR, NAME = "dagster/sensor_name", "drift"
"""Dagster's own tag of every run that a sensor requested."""
MAX_CHAMPIONS_AGE_SECONDS = 60.0
"""Of the call that shows whether the registry answers at all, before each model's champion is read."""
LOOKUP_SECONDS = 0.45
"""How long a tick waits for the registry and the tables, for all models that have drifted; the next tick looks up the
others."""
_results = DriftResults()


def drift(jobs: JobDefinitions | None) -> dg.SensorDefinition:
    """``jobs`` are the ``retrain_<model>`` jobs of all models: what it may request."""

    @dg.sensor(
        name=NAME,
        jobs=jobs,
        minimum_interval_seconds=10,
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={ports.REGISTRY, ports.TABLES, ports.NOTIFICATIONS},
        description="Starts retrain_<model> when a version's data has drifted, once for each onset; notifies people "
        "when that would not help.",
    )
    def _drift(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        assert context.repository_def is not None
        specs, memories = specs_of(context.repository_def), _memories(context)
        messages, requests, now = list[str](), list[dg.RunRequest](), time.time()
        measured = _measured(context, specs, now, messages)
        drifted = round_robin(
            sorted(n for n, seen in measured.items() if _is_open(seen, memories.get(n, RetrainingMemory()))), now
        )
        answers = _look_up(context, specs, {name: measured[name] for name in drifted}, messages)
        notifier = TickNotifier(context, NAME, messages)
        for name, seen in {**measured, **answers.found}.items():
            if name in answers.failed:
                continue
            memory = memories.get(name, RetrainingMemory())
            after, decision = decide(memory, seen, specs[name].drift, now)
            if decision.action == "ask people" and not notifier.deliver(_notice(specs[name], decision)):
                after = replace(after, notified=memory.notified)  # the next tick decides the same
            if decision.action == "retrain":
                tags = {"model": name, CAUSE: f"{DRIFT_OF}{decision.key}"}
                requests.append(dg.RunRequest(f"drift-{name}-{decision.key}", job_name=f"retrain_{name}", tags=tags))
            elif decision.action != "nothing":
                messages.append(f"{name}: {decision.action}, {decision.reason}")
            memories[name] = after
        kept = {
            name: memory.to_dict()
            for name, memory in memories.items()
            if name in specs and memory != RetrainingMemory()
        }
        return dg.SensorResult(
            run_requests=requests,
            cursor=json.dumps(kept),
            skip_reason=None if requests else skip_reason(messages, "No version's data has drifted."),
        )

    return _drift


def _memories(context: dg.SensorEvaluationContext) -> dict[str, RetrainingMemory]:
    """What the cursor has; without a cursor, what the runs requested here say, so that none is requested again."""
    known = remembered(context, lambda data: {name: RetrainingMemory.from_dict(each) for name, each in data.items()})
    if known is not None:
        return known
    requested = defaultdict[str, list[tuple[float, str]]](list)
    for record in context.instance.get_run_records(
        dg.RunsFilter(tags={SENSOR: NAME}), limit=MAX_RUN_RECORDS
    ):  # newest first
        tags = record.dagster_run.tags
        if "model" in tags:
            requested[tags["model"]].append((created_at(record), tags.get(CAUSE, "").removeprefix(DRIFT_OF)))
    return {name: recalled(each) for name, each in requested.items()}


def _is_open(seen: DriftObservation, memory: RetrainingMemory) -> bool:
    """Whether there is more to look up: of a model that has drifted, unless people were notified of that already. What
    became of its retraining is looked up again, since without it a crash is taken for a refusal."""
    over = tuple(f"{seen.version}-{why}-" for why in ("not-replaced", "not-cured"))
    return bool(seen.drifted) and (memory.good or not memory.notified.startswith(over))


def _measured(
    context: dg.SensorEvaluationContext, models: Collection[str], now: float, messages: list[str]
) -> dict[str, DriftObservation]:
    """What the newest drift of each model says by itself. One that could not be read is not in it."""
    records = context.instance.get_asset_records([dg.AssetKey([name, "drift"]) for name in models])
    events = {record.asset_entry.asset_key.path[0]: record.asset_entry.last_materialization for record in records}
    made = {name: event.timestamp for name, event in events.items() if event is not None}
    results = _results.read(ports.tables(context), made, now)
    if results.failed:
        first = min(results.failed)
        messages.append(f"the drift of {len(results.failed)} models was not read, {first}: {results.failed[first]}")
    return {
        name: DriftObservation(result.version, result.drifted, result.measured_at)
        for name, result in results.found.items()
    }


def _look_up(
    context: dg.SensorEvaluationContext,
    specs: Mapping[str, ModelSpec],
    measured: Mapping[str, DriftObservation],
    messages: list[str],
) -> Answers[DriftObservation]:
    """The rest of what is to be known of these models; the next tick looks up again what had no answer."""
    try:
        if measured:
            # A registry that is dead holds the thread of one call, not sixteen more each tick.
            champions(context, NAME, MAX_CHAMPIONS_AGE_SECONDS)
    except Unavailable as error:
        messages.append(error.message)
        return Answers({}, dict.fromkeys(measured, error.message))
    look_up = partial(_observed, ports.registry(context), ports.tables(context), context.instance)
    answers = gather_with_timeout(
        {name: partial(look_up, specs[name], seen) for name, seen in measured.items()}, LOOKUP_SECONDS
    )
    messages += [f"{name}: {why}" for name, why in answers.failed.items()]
    return answers


def _observed(
    registry: ModelRegistry, tables: Tables, instance: dg.DagsterInstance, spec: ModelSpec, seen: DriftObservation
) -> DriftObservation:
    """The rest of what is to be known of a model that has drifted."""
    model, partitions = spec.name, spec.data.partitions
    champion = champion_of(registry, model)
    if champion.version != seen.version:  # it is not served yet, or was not measured yet
        return replace(seen, champion=champion.version)
    jobs = (f"retrain_{model}", f"train_and_deploy_{model}")
    running = any(instance.get_runs_count(dg.RunsFilter(job_name=job, statuses=RUNNING)) for job in jobs)
    present, held_out = tables.partitions(model, "features"), champion.candidate.record.holdout
    newer = is_newer(partitions, present, held_out, added(instance, spec))
    crashed = None if running else crashed_at(instance, jobs)
    return replace(seen, newer=newer, held_out=partitions.name_of(held_out), training=running, crashed_at=crashed)


def _notice(spec: ModelSpec, decision: RetrainingDecision) -> Notice:
    return Notice(
        severity="page",
        title=f"{spec.name} has drifted, and retraining does not help",
        text=f"{decision.reason[0].upper()}{decision.reason[1:]}. Look at the asset {spec.name}/drift and its report.",
        owner=spec.owner,
        key=f"drift-{spec.name}-{decision.key}",
    )
