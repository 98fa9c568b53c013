"""Carry a rollout out at the gateway. Each step is kept before it is taken, so that a run after a kill takes it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from intermodal.platform.deployment.rollout import RolloutDecision, apply, begin, by_version, decide, superseded
from intermodal.platform.errors import IntermodalError
from intermodal.platform.ports import Gateway, Rollouts
from intermodal.platform.ports.endpoints import Upstream
from intermodal.platform.ports.gateway import Canary, Route
from intermodal.platform.ports.registry import Identity
from intermodal.platform.ports.rollouts import Rollout
from intermodal.platform.spec.rollout import RolloutPolicy
from intermodal.platform.targets import Target

NewRoute = Callable[[], tuple[Route, Sequence[Upstream]]]
"""The new version's route with its upstreams. Its endpoints are looked up only when this is called."""


def reason_for_none(old: Route | None, new: Identity, metadata: Mapping[str, object]) -> str:
    """Why a version gets all traffic at once; '' for one that is rolled out. ``metadata`` is the new version's, as V2
    has it."""
    if old is None:
        return "the model has no route: the first version gets all requests"
    if old.identity.same_as(new):
        return f"the route has version {new.version}"
    if any(old.metadata.get(name) != metadata.get(name) for name in ("inputs", "outputs")):
        return (
            f"the signature of {new.version} differs from that of {old.version}: callers of the one cannot be answered "
            "by the other, so no share of them can try it"
        )
    return ""


def concerns(rollout: Rollout | None, old: Identity, new: Identity) -> bool:
    """Whether this is the rollout from one version to the other."""
    return rollout is not None and rollout.old.same_as(old) and rollout.new.same_as(new)


def holds_back(rollout: Rollout | None, old: Route | None, new: Identity) -> bool:
    """Whether the version may not get all traffic: its rollout goes on, or was aborted."""
    return (
        rollout is not None and old is not None and concerns(rollout, old.identity, new) and rollout.phase != "promoted"
    )


def is_superseded(rollout: Rollout | None, old: Route | None, new: Identity) -> bool:
    """Whether a rollout from what is served goes on, but to another version than the champion."""
    return (
        rollout is not None
        and rollout.is_open
        and old is not None
        and rollout.old.same_as(old.identity)
        and not rollout.new.same_as(new)
    )


@dataclass(frozen=True)
class RolloutRun:
    """One model's rollout. ``unavailable`` are its targets with an open incident, ``recovered`` is when the last one
    was closed, ``now`` the time: both in Unix seconds."""

    gateway: Gateway
    rollouts: Rollouts
    policy: RolloutPolicy
    unavailable: Collection[Target]
    now: float
    recovered: float = 0.0

    def advance(
        self, old: Route, new: Identity, new_route: NewRoute, retry: bool = False
    ) -> tuple[Rollout, RolloutDecision | None]:
        """Begin the rollout to ``new``, or decide about it; then bring the gateway to what was decided.

        One that was aborted stays so unless ``retry`` is set. The decision is None where there was nothing to decide.
        """
        known, tries = self.rollouts.get(old.model), by_version(self.gateway.tries(old.model))
        decision = None
        if known is None or not concerns(known, old.identity, new) or (retry and known.phase == "aborted"):
            current = begin(old.model, old.identity, new, self.policy, tries, self.now)
        elif known.is_open:
            decision = decide(known, self.policy, tries, self.unavailable, self.now, self.recovered)
            current = apply(known, decision, tries, self.now)
        else:
            current = known
        if current != known:
            self._put(current, known)
        self.carry_out(current, new_route)
        return current, decision

    def _put(self, rollout: Rollout, known: Rollout | None) -> None:
        if not self.rollouts.put(rollout, known):
            raise IntermodalError(
                f"The rollout of '{rollout.model}' was changed meanwhile, by a person or another run.",
                hint=f"Run the job rollout_{rollout.model} again; nothing was done.",
            )

    def end_superseded(self, model: str, served: Route | None, reason: str) -> None:
        """End a rollout that goes on where none is due, and its share. IntermodalError when others changed it."""
        known = self.rollouts.get(model)
        if known is not None and known.is_open:
            ended = superseded(known, served.identity if served else None, reason, self.now)
            self._put(ended, known)
        if served is not None and self.gateway.canary(model) is not None:
            self.gateway.split(model, None)

    def carry_out(self, rollout: Rollout, new_route: NewRoute) -> None:
        """Bring the gateway to what the rollout says; done already, it is not called. A promotion is not carried out
        here: publishing the route does that."""
        current = self.gateway.canary(rollout.model)
        if rollout.phase == "aborted" and current is not None:
            self.gateway.split(rollout.model, None)
        elif rollout.is_open and (current is None or not current.route.identity.same_as(rollout.new)):
            route, upstreams = new_route()
            self.gateway.split(rollout.model, Canary(route, rollout.share), upstreams)
        elif rollout.is_open and current is not None and current.share != rollout.share:
            self.gateway.split(rollout.model, replace(current, share=rollout.share))
