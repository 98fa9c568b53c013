"""The jobs that watch a model and act on what is seen."""

from datetime import datetime
from math import lcm
from typing import Any

import dagster as dg

from intermodal.assets import ports
from intermodal.assets.keys import key
from intermodal.assets.scoped_job import own_job
from intermodal.platform.errors import IntermodalError
from intermodal.platform.resilience.drills import DRILL_KINDS, DrillKind, require_allowed
from intermodal.platform.resilience.failover_plan import shares, wanted
from intermodal.platform.spec import ModelSpec
from intermodal.platform.targets import Cloud

WATCHING = ("predictions", "drift", "drift_report", "health", "timeline")
WATCH = "intermodal/watch"
"""Tag of a run that only looks: the model."""
QUIET = "intermodal/quiet"
"""Tag of a look at a model that little is asked of."""
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
    """Nobody can say yes to each of its drills, so in production it says every week how a person may."""

    def drill_or_say_why_not(tick: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        kind, cloud = in_turn(spec, tick.scheduled_execution_time)
        try:
            require_allowed(ports.deployment(tick).environment, allow_production=False)
        except IntermodalError as error:
            command = f"intermodal drill {kind} {cloud} --model {spec.name} --allow-production"
            return dg.SkipReason(f"{error} It is {cloud}'s turn: {command}")
        return dg.RunRequest(run_config={"ops": {f"{spec.name}__drill": {"config": {"kind": kind, "cloud": cloud}}}})

    return dg.ScheduleDefinition(
        name=f"weekly_drill_{spec.name}",
        job=drill,
        cron_schedule="0 10 * * 2",
        execution_fn=drill_or_say_why_not,
        required_resource_keys={ports.DEPLOYMENT},
        description="Tuesday at ten, when everybody is there. Switch it on when the team is ready for it. In "
        "production it only says whose turn it is: there a drill wants allow_production, each time.",
    )


def in_turn(spec: ModelSpec, at: datetime) -> tuple[DrillKind, Cloud]:
    """Another kind and another cloud every week, of those that have traffic when all is well."""
    warm = [cloud for cloud, count in wanted(spec).items() if count]
    clouds = [cloud for cloud, share in shares(spec, (), warm).items() if share]
    week = at.toordinal() // 7  # of all weeks: a year's begin anew
    return kind_in_turn(week, len(clouds)), clouds[week % len(clouds)]


def kind_in_turn(week: int, clouds: int) -> DrillKind:
    """One kind after the other, for so many clouds that have their turns week by week: in as many weeks as there are
    pairs of a kind and a cloud, each pair has its turn."""
    kinds = len(DRILL_KINDS)
    again = week % (kinds * clouds) // lcm(kinds, clouds)  # how often the pairs would have come again
    return DRILL_KINDS[(week + again) % kinds]


def _look(spec: ModelSpec, verb: str, stages: tuple[str, ...], description: str) -> Any:
    return own_job(
        f"{verb}_{spec.name}",
        spec.name,
        selection=dg.AssetSelection.assets(*(key(spec, stage) for stage in stages)),
        description=description,
        tags={WATCH: spec.name},
    )
