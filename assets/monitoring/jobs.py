"""The jobs that watch a model and act on what they see."""

from datetime import datetime
from math import lcm
from typing import Any

import dagster as dg

from intermodal.assets import ports
from intermodal.assets.keys import key
from intermodal.assets.scoped_job import own_job
from intermodal.platform.errors import IntermodalError
from intermodal.platform.resilience.drills import DRILL_KINDS, DrillKind, require_allowed
from intermodal.platform.resilience.failover_plan import desired_replicas, weights_without
from intermodal.platform.spec import ModelSpec
from intermodal.platform.targets import Target

WATCHING = ("predictions", "drift", "drift_report", "health", "timeline")
WATCH = "intermodal/watch"
"""Tag of a run that only looks: the model."""
QUIET = "intermodal/quiet"
"""Tag of a look at a model that has few requests."""
DRILL = "intermodal/drill"
"""Tag of a drill's run: the model."""
APART = (*WATCHING, "drill", "incidents")
"""Assets of a model that deploying it does not touch."""


def apart(spec: ModelSpec) -> dg.AssetSelection:
    return dg.AssetSelection.assets(*(key(spec, name) for name in APART))


def jobs(spec: ModelSpec) -> dg.Definitions:
    """``watch_<model>``, ``timeline_<model>``, ``drill_<model>`` with its schedule, and ``retrain_<model>``.

    What only looks, and a drill, carry no tag ``model``: they run beside whatever changes the model, and a drill must
    not keep the failover waiting that it waits for.
    """
    rows = dg.AssetSelection.assets(key(spec, "dataset"), key(spec, "features"))
    everything = dg.AssetSelection.groups(spec.name)
    drill = own_job(
        f"drill_{spec.name}",
        spec.name,
        selection=dg.AssetSelection.assets(key(spec, "drill")),
        description=f"An outage of {spec.name} on purpose, measured.",
        tags={DRILL: spec.name},
    )
    return dg.Definitions(
        jobs=[
            _look(spec, "watch", WATCHING, "Gathers predictions, measures drift and health."),
            _look(spec, "timeline", ("timeline",), "What happened in the last day, on one page."),
            own_job(
                f"retrain_{spec.name}",
                spec.name,
                selection=everything - rows - apart(spec),
                description=f"Trains {spec.name} on the newest months that are there, and deploys what passes.",
                tags={"model": spec.name},
            ),
            drill,
        ],
        schedules=[_weekly(spec, drill)],
    )


def _weekly(spec: ModelSpec, drill: Any) -> dg.ScheduleDefinition:
    """In production nobody can confirm each of its drills, so there it names the command that a person may run."""

    def drill_or_command(tick: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        kind, target = in_turn(spec, tick.scheduled_execution_time)
        try:
            require_allowed(ports.deployment(tick).environment, allow_production=False)
        except IntermodalError as error:
            command = f"intermodal drill {kind} {target} --model {spec.name} --allow-production"
            return dg.SkipReason(f"{error} It is the turn of {target}: {command}")
        config = {"kind": kind, "target": str(target)}
        return dg.RunRequest(run_config={"ops": {f"{spec.name}__drill": {"config": config}}})

    return dg.ScheduleDefinition(
        name=f"weekly_drill_{spec.name}",
        job=drill,
        cron_schedule="0 10 * * 2",
        execution_fn=drill_or_command,
        required_resource_keys={ports.DEPLOYMENT},
        description="Tuesday at ten, when everybody is there. Switch it on when the team is ready for it. In "
        "production it only names the target whose turn it is: there each drill needs allow_production.",
    )


def in_turn(spec: ModelSpec, at: datetime) -> tuple[DrillKind, Target]:
    """Another kind and another target every week, of those that have traffic when all is well."""
    warm = [target for target, count in desired_replicas(spec).items() if count]
    targets = [target for target, weight in weights_without(spec, (), warm).items() if weight]
    week = at.toordinal() // 7  # of all weeks: a year's begin anew
    return kind_in_turn(week, len(targets)), targets[week % len(targets)]


def kind_in_turn(week: int, targets: int) -> DrillKind:
    """One kind after the other, for so many targets that have their turns week by week: in as many weeks as there are
    pairs of a kind and a target, each pair has its turn."""
    kinds = len(DRILL_KINDS)
    again = week % (kinds * targets) // lcm(kinds, targets)  # how often the pairs would have come again
    return DRILL_KINDS[(week + again) % kinds]


def _look(spec: ModelSpec, verb: str, stages: tuple[str, ...], description: str) -> Any:
    return own_job(
        f"{verb}_{spec.name}",
        spec.name,
        selection=dg.AssetSelection.assets(*(key(spec, stage) for stage in stages)),
        description=description,
        tags={WATCH: spec.name},
    )
