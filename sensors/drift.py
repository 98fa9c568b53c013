"""Drift → retrain → redeploy: once for each onset, never in a loop (platform/retraining.py decides)."""

import json
import time

import dagster as dg

from intermodal.assets import resources
from intermodal.assets.runs import RUNNING
from intermodal.assets.specs import specs_of
from intermodal.assets.version import champion_of
from intermodal.platform.errors import IntermodalError
from intermodal.platform.notices import Notice
from intermodal.platform.retraining import Decision, Memory, Observed, decide
from intermodal.platform.spec import ModelSpec
from intermodal.sensors.targets import JobDefinitions

CAUSE = "intermodal/cause"


def drift(jobs: JobDefinitions | None) -> dg.SensorDefinition:
    """``jobs`` are the ``retrain_<model>`` jobs of all models: what it may ask for."""

    @dg.sensor(
        name="drift",
        jobs=jobs,
        minimum_interval_seconds=10,
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={resources.REGISTRY, resources.TABLES, resources.NOTIFIER},
        description="Starts retrain_<model> when a version's data has drifted, once for each onset; asks people when "
        "that would not help.",
    )
    def _drift(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        assert context.repository_def is not None
        specs, memories = specs_of(context.repository_def), _memories(context)
        records = context.instance.get_asset_records([dg.AssetKey([name, "drift"]) for name in specs])
        requests, words = [], []
        for record in records:
            event = record.asset_entry.last_materialization
            name = record.asset_entry.asset_key.path[0]
            if event is None or event.asset_materialization is None:
                continue
            memory = memories.get(name, Memory())
            try:
                seen = _observed(context, name, event, memory)
                after, decision = decide(memory, seen, specs[name].drift, time.time())
                if decision.action == "ask people":
                    resources.notifier(context).tell(_question(specs[name], decision))
            except IntermodalError as error:  # the next tick sees the same and tries again
                words.append(f"{name}: {error.message}")
                continue
            if decision.action == "retrain":
                tags = {"model": name, CAUSE: f"drift of {decision.key}"}
                requests.append(dg.RunRequest(f"drift-{name}-{decision.key}", job_name=f"retrain_{name}", tags=tags))
            elif decision.action != "nothing":
                words.append(f"{name}: {decision.action}, {decision.reason}")
            memories[name] = after
        kept = {name: memory.to_dict() for name, memory in memories.items() if name in specs and memory != Memory()}
        return dg.SensorResult(
            run_requests=requests,
            cursor=json.dumps(kept),
            skip_reason=None if requests else dg.SkipReason("; ".join(words) or "No version's data has drifted."),
        )

    return _drift


def _memories(context: dg.SensorEvaluationContext) -> dict[str, Memory]:
    try:
        return {name: Memory.from_dict(data) for name, data in json.loads(context.cursor or "{}").items()}
    except (ValueError, TypeError, AttributeError) as error:
        context.log.warning("the cursor was not readable and starts anew: %s", error)
        return {}


def _observed(context: dg.SensorEvaluationContext, model: str, event: dg.EventLogEntry, memory: Memory) -> Observed:
    """Asks the registry, the tables and the runs only for a model that has drifted."""
    assert event.asset_materialization is not None
    metadata = {name: value.value for name, value in event.asset_materialization.metadata.items()}
    version, state = str(metadata["version"]), str(metadata["state"])
    drifted = None if state == "too few rows" else state == "drifted"
    if not drifted or (memory.told.startswith(f"{version}-not-") and not memory.good):
        return Observed(version, drifted, event.timestamp)
    champion = champion_of(resources.registry(context), model)
    if champion.version != version:  # measured before the version that is champion now
        return Observed(champion.version, None, event.timestamp)
    running = context.instance.get_runs_count(
        dg.RunsFilter(job_name=f"retrain_{model}", statuses=RUNNING)
    ) + context.instance.get_runs_count(dg.RunsFilter(job_name=f"train_and_deploy_{model}", statuses=RUNNING))
    months = resources.tables(context).partitions(model, "features")
    held_out = champion.candidate.record.holdout
    return Observed(version, True, event.timestamp, months[-1] if months else "", held_out, training=bool(running))


def _question(spec: ModelSpec, decision: Decision) -> Notice:
    return Notice(
        severity="page",
        title=f"{spec.name} has drifted, and retraining does not help",
        text=f"{decision.reason[0].upper()}{decision.reason[1:]}. Look at the asset {spec.name}/drift and its report.",
        owner=spec.owner,
        key=f"drift-{spec.name}-{decision.key}",
    )
