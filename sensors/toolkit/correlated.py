"""What the outage sensor does with correlated trouble: finds it, remembers it in the cursor, and notifies people."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

import dagster as dg

from intermodal.platform.ports.incidents import Incident
from intermodal.platform.resilience.correlation import (
    WINDOW_SECONDS,
    OverloadOrBlindness,
    SelfView,
    blindness,
    dead,
    overload,
)
from intermodal.platform.resilience.detection import DetectionPolicy, DetectionState, UpstreamKey
from intermodal.platform.resilience.trouble import Trouble, begun_notice, ended_notice, follow
from intermodal.sensors.toolkit.adapters import adapters_of
from intermodal.sensors.toolkit.notifications import TickNotifier
from intermodal.sensors.toolkit.probes import ask_apis


@dataclass(frozen=True)
class Watch:
    """The cursor. ``ended`` is trouble that is over, until its notice is delivered."""

    state: DetectionState
    trouble: Trouble | None = None
    ended: Trouble | None = None

    def to_json(self, state: DetectionState) -> str:
        """With what this look left."""
        kept = {"trouble": self.trouble, "ended": self.ended}
        extra = {name: trouble.to_dict() for name, trouble in kept.items() if trouble is not None}
        return json.dumps({**json.loads(state.to_json()), **extra})

    @classmethod
    def remembered(cls, context: dg.SensorEvaluationContext, now: float) -> "Watch":
        if not context.cursor:
            return cls(DetectionState())
        try:
            data = json.loads(context.cursor)
            state = DetectionState.from_json(context.cursor)
            kept = {name: Trouble.from_dict(data[name]) for name in ("trouble", "ended") if name in data}
            if jump := state.jump(now):
                context.log.warning("The clock moved by %.0f s between two looks; it is not taken for time.", jump)
                kept = {name: trouble.moved(jump) for name, trouble in kept.items()}
            return cls(state, **kept)
        except (ValueError, TypeError, KeyError) as error:
            context.log.warning("The cursor is unreadable (%s): watching starts afresh.", error)
            return cls(DetectionState())


def judged(
    context: dg.SensorEvaluationContext,
    view: SelfView,
    serves: Mapping[UpstreamKey, bool | None],
    known: Mapping[UpstreamKey, Incident],
    before: Trouble | None,
    now: float,
) -> OverloadOrBlindness | None:
    """This look's finding. Only when upstreams look bad together are the clouds' APIs called, as a second witness."""
    if (blind := blindness(view, {model for model, _ in serves})) is not None:
        return blind
    old = {key for key, incident in known.items() if abs(now - incident.opened_at) > WINDOW_SECONDS}
    apart = old | (before.released(now) if before is not None else frozenset())
    found = overload(serves, known, apart)
    if found is None:
        return None
    compared = adapters_of(context, sorted({target for _, target in found.bad | found.well})).found
    out = dead(found.bad, ask_apis(compared)())
    found = overload(serves, known, apart | out)
    return None if found is None else replace(found, out=out)


def follow_and_notify(
    context: dg.SensorEvaluationContext,
    watch: Watch,
    finding: OverloadOrBlindness | None,
    policy: DetectionPolicy,
    now: float,
) -> tuple[Watch, list[str]]:
    """The memory after this look, and the tick's messages. People are notified once when it lasts, and of its end."""
    messages = list[str]()
    notifier = TickNotifier(context, "outage", messages)
    trouble = follow(watch.trouble, finding, policy, now)
    ended = watch.ended
    if watch.trouble is not None and trouble is None and watch.trouble.lasts(policy):
        ended = watch.trouble
    if ended is not None and notifier.deliver(ended_notice(ended)):
        ended = None
    if trouble is not None:
        messages.insert(0, f"Overload or blindness: {trouble.seen}.")
        if trouble.lasts(policy):
            notifier.deliver(begun_notice(trouble))
    return Watch(watch.state, trouble, ended), messages
