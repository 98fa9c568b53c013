"""The two end states of a step (after an outage, after a recovery) and how the present state differs from them."""

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


def wait_for(look: Callable[[], list[str]], seconds: float = DEADLINE_SECONDS) -> tuple[float, list[str]]:
    """How long it took until nothing differed, and what still differs at the deadline."""
    began = time.monotonic()
    while (found := look()) and time.monotonic() - began < seconds:
        time.sleep(1)
    return time.monotonic() - began, found


def after_outage(scene: Scene, dead: Collection[Cloud], since: float, exhausted: Collection[Cloud] = ()) -> list[str]:
    """One contained incident for each dead cloud, no traffic to it, its successors' replicas, people notified.

    ``exhausted`` clouds may refuse to take over, and another then does. Their own replicas are not checked.
    """
    opened, down, spent = scene.open(), {ON[cloud] for cloud in dead}, {ON[cloud] for cloud in exhausted}
    if sorted(incident.target for incident in opened) != sorted(down):
        return [f"open incidents: {[incident.id for incident in opened] or 'none'}"]
    found = [f"{incident.id} was open before" for incident in opened if incident.opened_at < since - 2]
    wrong = [incident for incident in opened if not failover_plan.contained(incident, scene.spec, down)]
    found += [
        f"{incident.id} is not contained: {[f'{e.step} {e.key}' for e in incident.entries]}" for incident in wrong
    ]
    others = [other for other in TARGETS if other not in down]
    wanted = [failover_plan.weights_without(scene.spec, down, others, some) for some in ((), spent)]
    weights = {name: weight for name, weight in scene.route().weights.items() if weight}
    found += [] if weights in wanted else [f"weights are {weights} instead of {wanted[0]}"]
    name = endpoint_name(MODEL, scene.route().version, "sandbox")
    plans = [failover_plan.desired_replicas(scene.spec, down, some) for some in ((), spent)]
    counts = {other: replicas(scene, other.cloud) for other in others}
    if not any(all(counts[other] == plan[other] for other in others if other not in spent) for plan in plans):
        found.append(f"replicas are {counts}, wanted {plans[0]}")
    for other in others:
        if (names := endpoints(scene, other.cloud)) != [f"{name} {scene.route().version} ready"]:
            found.append(f"{other} has {names}")
    return [
        *found,
        *(line for incident in opened for line in _not_notified(scene, f"{incident.id}-{failover_plan.DOWN}")),
        *_at_work(scene),
    ]


def after_recovery(scene: Scene, dead: Collection[Cloud], since: float, before: Picture) -> list[str]:
    """The incidents closed, one for each dead cloud, people notified, and everything as before."""
    if opened := scene.open():
        return [f"still open: {[f'{incident.id} {[e.step for e in incident.entries][-1]}' for incident in opened]}"]
    mine = [incident for incident in scene.incidents.all(MODEL) if incident.opened_at >= since - 2]
    alike = sorted(incident.target.cloud for incident in mine) == sorted(dead)
    found = [] if alike else [f"incidents of this round: {[incident.id for incident in mine]}"]
    found += [line for incident in mine for line in _not_notified(scene, f"{incident.id}-{failover_plan.BACK}")]
    return [*found, *as_before(scene, before)]


def as_before(scene: Scene, before: Picture) -> list[str]:
    found = [] if all(scene.gateway.upstream_health(MODEL).values()) else ["the gateway finds a target unhealthy"]
    found += [f"{incident.id} is open" for incident in scene.open()]
    return [*found, *picture(scene).differences(before), *_at_work(scene)]


def notified_twice(scene: Scene, since: float) -> int:
    """Events of which people were notified more than once: a run was killed after it sent and before it noted it."""
    ids = [incident.id for incident in scene.incidents.all(MODEL) if incident.opened_at >= since - 2]
    keys = (failover_plan.DOWN, failover_plan.CAPACITY, failover_plan.NO_CAPACITY, failover_plan.BACK)
    return sum(scene.recipient.times(f"{id}-{key}") > 1 for id in ids for key in keys)


def _not_notified(scene: Scene, key: str) -> list[str]:
    return [] if scene.recipient.times(key) else [f"no notice was sent of {key}"]


def _at_work(scene: Scene) -> list[str]:
    try:
        return [f"{run.job_name} {run.run_id[:8]} is {run.status.value}" for run in runs.unfinished(scene, *JOBS)]
    except IntermodalError as error:
        return [error.message]
