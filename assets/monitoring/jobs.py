"""Jobs that observe a model, drill it and retrain it."""

from datetime import datetime
from math import lcm
from typing import Any

import dagster as dg

from intermodal.assets import ports
from intermodal.assets.deployment.mirror_unchanged import check_key
from intermodal.assets.keys import key
from intermodal.assets.runs import DRILL_TAG, TRAINING_TAG, WATCH_TAG
from intermodal.assets.scoped_job import model_scoped_job
from intermodal.platform.errors import IntermodalError
from intermodal.platform.resilience.drills import DRILL_KINDS, DrillKind, require_allowed
from intermodal.platform.resilience.failover_plan import desired_replicas, weights_without
from intermodal.platform.spec import ModelSpec
from intermodal.platform.targets import Target

WATCH_ASSETS = ("predictions", "drift", "drift_report", "health", "timeline")
QUIET_TAG = "intermodal/quiet"
"""Tag of an observing run of a model with few requests."""
MONITORING_ASSETS = (*WATCH_ASSETS, "drill", "incidents")
"""Assets of a model that a deployment does not materialize."""


def monitoring_selection(spec: ModelSpec) -> dg.AssetSelection:
    return dg.AssetSelection.assets(*(key(spec, name) for name in MONITORING_ASSETS))


def jobs(spec: ModelSpec) -> dg.Definitions:
    """``watch_<model>``, ``timeline_<model>``, ``drill_<model>`` with its schedule, and ``retrain_<model>``.

    Observing jobs and drills have no tag ``model``, so they run concurrently with jobs that change the model. A drill
    would otherwise block the failover that it measures.
    """
    data = dg.AssetSelection.assets(key(spec, "dataset"), key(spec, "features"))
    all_assets = dg.AssetSelection.groups(spec.name)
    drill = model_scoped_job(
        f"drill_{spec.name}",
        spec.name,
        selection=dg.AssetSelection.assets(key(spec, "drill")),
        description=f"A measured, deliberate outage of {spec.name}.",
        tags={DRILL_TAG: spec.name},
    )
    return dg.Definitions(
        jobs=[
            _observation_job(
                spec,
                "watch",
                WATCH_ASSETS,
                "Gathers predictions, measures drift and health, and compares the mirrors with their manifests.",
                dg.AssetSelection.checks(*(check_key(spec, site) for site in spec.sites)),
            ),
            _observation_job(spec, "timeline", ("timeline",), "Updates the page with the events of the last day."),
            model_scoped_job(
                f"retrain_{spec.name}",
                spec.name,
                selection=all_assets - data - monitoring_selection(spec),
                description=f"Trains {spec.name} on the newest partitions with data, and deploys what passes its gate.",
                tags={"model": spec.name, TRAINING_TAG: spec.name},
            ),
            drill,
        ],
        schedules=[_weekly_drill(spec, drill)],
    )


def _weekly_drill(spec: ModelSpec, drill: Any) -> dg.ScheduleDefinition:
    """The schedule of the drills. In production every drill needs a person's confirmation, so there it only names the
    command to run."""

    def drill_or_command(tick: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        kind, target = drill_of_week(spec, tick.scheduled_execution_time)
        try:
            require_allowed(ports.deployment(tick).environment, allow_production=False)
        except IntermodalError as error:
            command = f"intermodal drill {kind} {target} --model {spec.name} --allow-production"
            return dg.SkipReason(f"{error} This week's drill is of {target}: {command}")
        config = {"kind": kind, "target": str(target)}
        return dg.RunRequest(run_config={"ops": {f"{spec.name}__drill": {"config": config}}})

    return dg.ScheduleDefinition(
        name=f"weekly_drill_{spec.name}",
        job=drill,
        cron_schedule="0 10 * * 2",
        execution_fn=drill_or_command,
        required_resource_keys={ports.DEPLOYMENT},
        description="Every Tuesday at ten, within working hours. Turn it on when the team is ready for it. In "
        "production it only names the command to run, since each drill there needs allow_production.",
    )


def drill_of_week(spec: ModelSpec, scheduled: datetime) -> tuple[DrillKind, Target]:
    """The kind and target of a week's drill, among the targets that have traffic without an incident."""
    warm = [target for target, count in desired_replicas(spec).items() if count]
    targets = [target for target, weight in weights_without(spec, (), warm).items() if weight]
    week = scheduled.toordinal() // 7  # counted from year 1: the weeks of a year start again in January
    return kind_of_week(week, len(targets)), targets[week % len(targets)]


def kind_of_week(week: int, targets: int) -> DrillKind:
    """The kind of a week's drill, when the target is number ``week % targets``. Within as many weeks as there are pairs
    of a kind and a target, every pair occurs once."""
    kinds = len(DRILL_KINDS)
    repetitions = week % (kinds * targets) // lcm(kinds, targets)  # without a shift, pairs repeat after the lcm
    return DRILL_KINDS[(week + repetitions) % kinds]


def _observation_job(
    spec: ModelSpec, verb: str, stages: tuple[str, ...], description: str, checks: dg.AssetSelection | None = None
) -> Any:
    selection: dg.AssetSelection = dg.AssetSelection.assets(*(key(spec, stage) for stage in stages))
    return model_scoped_job(
        f"{verb}_{spec.name}",
        spec.name,
        selection=selection if checks is None else selection | checks,
        description=description,
        tags={WATCH_TAG: spec.name},
    )
