"""The two ends that everything must come to, and how far what is lies from them."""

import time
from collections.abc import Callable, Collection

from intermodal.platform.errors import IntermodalError
from intermodal.platform.ports.endpoints import endpoint_name
from intermodal.platform.resilience import failover_plan
from intermodal.platform.targets import Cloud
from tests.chaos import runs
from tests.chaos.picture import Picture, endpoints, picture, replicas
from tests.chaos.scene import MODEL, Scene
from tests.targets import ON, TARGETS

DEADLINE_SECONDS = 420.0
JOBS = (f"failover_{MODEL}", f"recover_{MODEL}")


def settled(look: Callable[[], list[str]], seconds: float = DEADLINE_SECONDS) -> tuple[float, list[str]]:
    """How long it took until nothing differed, and what still differs at the deadline."""
    began = time.monotonic()
    while (found := look()) and time.monotonic() - began < seconds:
        time.sleep(1)
    return time.monotonic() - began, found


def after_outage(at: Scene, dead: Collection[Cloud], since: float, unable: Collection[Cloud] = ()) -> list[str]:
    """One open incident for each, its capacity made up for, no traffic to them, their heirs' replicas, people told.

    ``unable`` may refuse to take over, and another then does; what they run now is not looked at.
    """
    opened, down, exhausted = at.open(), {ON[cloud] for cloud in dead}, {ON[cloud] for cloud in unable}
    if sorted(one.target for one in opened) != sorted(down):
        return [f"open incidents: {[one.id for one in opened] or 'none'}"]
    found = [f"{one.id} was open before" for one in opened if one.opened_at < since - 2]
    wrong = [one for one in opened if not failover_plan.contained(one, at.spec, down)]
    found += [f"{one.id} is not contained: {[f'{e.step} {e.key}' for e in one.entries]}" for one in wrong]
    others = [other for other in TARGETS if other not in down]
    wanted = [failover_plan.weights_without(at.spec, down, others, some) for some in ((), exhausted)]
    weights = {name: weight for name, weight in at.route().weights.items() if weight}
    found += [] if weights in wanted else [f"weights are {weights} instead of {wanted[0]}"]
    name = endpoint_name(MODEL, at.route().version, "sandbox")
    plans = [failover_plan.desired_replicas(at.spec, down, some) for some in ((), exhausted)]
    counts = {other: replicas(at, other.cloud) for other in others}
    if not any(all(counts[other] == plan[other] for other in others if other not in exhausted) for plan in plans):
        found.append(f"replicas are {counts}, wanted {plans[0]}")
    for other in others:
        if (names := endpoints(at, other.cloud)) != [f"{name} {at.route().version} ready"]:
            found.append(f"{other} has {names}")
    return [*found, *(line for one in opened for line in _told(at, f"{one.id}-{failover_plan.DOWN}")), *_at_work(at)]


def after_recovery(at: Scene, dead: Collection[Cloud], since: float, before: Picture) -> list[str]:
    """The incidents closed, one for each that was dead, people told, and everything as before."""
    if opened := at.open():
        return [f"still open: {[f'{one.id} {[e.step for e in one.entries][-1]}' for one in opened]}"]
    mine = [one for one in at.incidents.all(MODEL) if one.opened_at >= since - 2]
    alike = sorted(one.target.cloud for one in mine) == sorted(dead)
    found = [] if alike else [f"incidents of this round: {[one.id for one in mine]}"]
    found += [line for one in mine for line in _told(at, f"{one.id}-{failover_plan.BACK}")]
    return [*found, *as_before(at, before)]


def as_before(at: Scene, before: Picture) -> list[str]:
    found = [] if all(at.gateway.upstream_health(MODEL).values()) else ["the gateway finds a target unhealthy"]
    found += [f"{one.id} is open" for one in at.open()]
    return [*found, *picture(at).differences(before), *_at_work(at)]


def told_twice(at: Scene, since: float) -> int:
    """Events of which people were told more than once: a run that was killed between telling and noting it."""
    ids = [one.id for one in at.incidents.all(MODEL) if one.opened_at >= since - 2]
    keys = (failover_plan.DOWN, failover_plan.CAPACITY, failover_plan.NO_CAPACITY, failover_plan.BACK)
    return sum(at.told.times(f"{id}-{key}") > 1 for id in ids for key in keys)


def _told(at: Scene, key: str) -> list[str]:
    return [] if at.told.times(key) else [f"nobody was told {key}"]


def _at_work(at: Scene) -> list[str]:
    try:
        return [f"{run.job_name} {run.run_id[:8]} is {run.status.value}" for run in runs.unfinished(at, *JOBS)]
    except IntermodalError as error:
        return [error.message]
