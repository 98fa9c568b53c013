"""A champion older than its spec allows, or data that did not arrive: people are notified once of each."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import dagster as dg

from intermodal.assets import ports
from intermodal.assets.partitions import added
from intermodal.assets.runs import busy_models
from intermodal.assets.specs import specs_of
from intermodal.platform.errors import IntermodalError
from intermodal.platform.monitoring.staleness import (
    DAY_SECONDS,
    data_until,
    late_data,
    old_champion,
    stale_after_seconds,
)
from intermodal.platform.ports.notifications import Notice
from intermodal.platform.spec import ModelSpec
from intermodal.sensors.toolkit.champions import champions
from intermodal.sensors.toolkit.concurrency import gather_with_timeout
from intermodal.sensors.toolkit.cursors import remembered, skip_reason
from intermodal.sensors.toolkit.gauges import group_of
from intermodal.sensors.toolkit.notifications import TickNotifier

MODELS_PER_TICK = 200
"""1,000 models take five ticks."""
LOOKUP_SECONDS = 0.4
"""How long a tick waits for the tables, and then for the registry."""
MAX_CHAMPIONS_AGE_SECONDS = 700.0
NEXT = "next model"
"""The cursor's entry that is no model."""


@dataclass(frozen=True)
class Age:
    """What is known of a model: its champion and when it was registered (Unix seconds, None: unknown), the newest
    partition of features, the day since which each of its events lasts, and the newest dynamic partition if it has no
    rows."""

    version: str = ""
    made: float | None = None
    newest: str = ""
    onsets: Mapping[str, int] = field(default_factory=dict)
    waiting: str = ""

    @classmethod
    def from_list(cls, data: Sequence[Any]) -> "Age":
        version, made, newest, onsets, *waiting = data
        days = {str(event): int(day) for event, day in onsets.items()}
        return cls(str(version), None if made is None else float(made), str(newest), days, *map(str, waiting))

    def to_list(self) -> list[Any]:
        """For ``from_list``. Nearly no model has a partition that waits."""
        return [self.version, self.made, self.newest, self.onsets, *([self.waiting] if self.waiting else [])]


@dg.sensor(
    minimum_interval_seconds=300,
    default_status=dg.DefaultSensorStatus.RUNNING,
    required_resource_keys={ports.REGISTRY, ports.TABLES, ports.GAUGES, ports.NOTIFICATIONS},
    description="Notifies people once when a champion is older than its spec allows or rows did not arrive.",
)
def staleness(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    assert context.repository_def is not None
    specs, now, messages = specs_of(context.repository_def), time.time(), list[str]()
    start, before = remembered(context, _parse) or ("", {})
    ages = {name: before.get(name, Age()) for name in specs}
    turn = _turn(sorted(specs), start)
    last = _look(context, specs, turn, ages, messages)
    notifier = TickNotifier(context, staleness.name, messages)
    for name, age in ages.items():
        ages[name] = _notify(notifier, specs[name], age, now, messages if name in turn else [])
    _push(context, specs, ages, messages)
    kept = {name: age.to_list() for name, age in ages.items() if age != Age()}
    return dg.SensorResult(
        cursor=json.dumps({NEXT: last, **kept}),
        skip_reason=skip_reason(messages, "Nothing is older than it should be."),
    )


def _parse(data: Mapping[str, Any]) -> tuple[str, dict[str, Age]]:
    return str(data[NEXT]), {name: Age.from_list(each) for name, each in data.items() if name != NEXT}


def _turn(names: Sequence[str], start: str) -> list[str]:
    """The models after ``start``, from the beginning again when there are no more."""
    return [*(name for name in names if name > start), *(name for name in names if name <= start)][:MODELS_PER_TICK]


def _look(
    context: dg.SensorEvaluationContext,
    specs: Mapping[str, ModelSpec],
    turn: Sequence[str],
    ages: dict[str, Age],
    messages: list[str],
) -> str:
    """Look up what is new of these models; returns the last of them that was looked at. What does not answer keeps what
    was known of it."""
    tables, registry = ports.tables(context), ports.registry(context)
    present = gather_with_timeout({name: partial(tables.partitions, name, "features") for name in turn}, LOOKUP_SECONDS)
    for name, found in present.found.items():
        keys = added(context.instance, specs[name])
        waiting = keys[-1] if keys and keys[-1] not in found else ""
        ages[name] = replace(ages[name], newest=specs[name].data.partitions.newest(found, keys), waiting=waiting)
    if waits := {name for name in present.found if ages[name].waiting}:
        # A run may be making the rows just now.
        ages |= {name: replace(ages[name], waiting="") for name in waits & busy_models(context.instance)}
    try:
        of_registry = champions(context, staleness.name, MAX_CHAMPIONS_AGE_SECONDS)
        current = {name: champion.version for name, champion in of_registry.items()}
    except IntermodalError as error:
        messages.append(error.message)
        current = {}
    # A version's age never changes, so only those of new champions are looked up.
    new = [
        name for name in turn if specs[name].stale_after_days and current.get(name, "") not in ("", ages[name].version)
    ]
    answers = gather_with_timeout({name: partial(registry.champion, name) for name in new}, LOOKUP_SECONDS)
    for name, champion in answers.found.items():
        if champion is not None:
            ages[name] = replace(ages[name], version=champion.version, made=champion.registered_at)
    if failed := {**present.failed, **answers.failed}:
        messages.append(f"{len(failed)} models were not looked at, {min(failed)} for one: {failed[min(failed)]}")
    return max(present.found, key=turn.index, default=turn[-1] if turn else "")


def _notify(notifier: TickNotifier, spec: ModelSpec, age: Age, now: float, messages: list[str]) -> Age:
    """Every model at every tick, due or not: a notice that no tick wants any more is dropped. With its day,
    an event that is over and comes again is another one, and a tick that fails repeats no notice."""
    found = {
        f"model {age.version}": old_champion(spec, age.version, age.made, now),
        f"data {age.waiting or age.newest}": late_data(spec, age.newest, now, age.waiting),
    }
    onsets = {event: age.onsets.get(event, int(now // DAY_SECONDS)) for event, why in found.items() if why}
    for event, day in onsets.items():
        messages.append(f"{spec.name}: {found[event]}")
        notifier.deliver(_notice(spec, event, found[event], day))
    return replace(age, onsets=onsets)


def _push(
    context: dg.SensorEvaluationContext, specs: Mapping[str, ModelSpec], ages: Mapping[str, Age], messages: list[str]
) -> None:
    """Up to when there is data; and, for a model whose partitions go on, after how long that is stale."""
    values = {
        "intermodal_data_timestamp_seconds": {name: data_until(specs[name], age.newest) for name, age in ages.items()},
        "intermodal_stale_after_seconds": {name: stale_after_seconds(spec) for name, spec in specs.items()},
    }
    gauges = [
        (gauge, {"model": name}, value)
        for gauge, found in values.items()
        for name, value in found.items()
        if value is not None
    ]
    try:
        ports.gauges(context).push(group_of(context, "staleness"), gauges)
    except IntermodalError as error:
        messages.append(error.message)


def _notice(spec: ModelSpec, event: str, why: str, day: int) -> Notice:
    kind = event.split(" ")[0]
    todo = {
        "model": f"Run train_and_deploy_{spec.name}",
        "data": f"Materialize it with data_{spec.name}"
        if spec.data.partitions.dynamic
        else f"Look at the runs of data_{spec.name} and its source",
    }
    return Notice(
        severity="warning",
        title=f"{spec.name}: the {kind} is stale",
        text=f"{why[0].upper()}{why[1:]}. {todo[kind]}.",
        owner=spec.owner,
        key=f"stale-{spec.name}-{event.replace(' ', '-')}-{day}",
    )
