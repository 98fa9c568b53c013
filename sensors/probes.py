"""What the outage sensor asks of the clouds themselves, in bounded time: APIs of clouds that were down, golden rows."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

from intermodal.platform import ports
from intermodal.platform.clouds import Cloud
from intermodal.platform.endpoints import endpoint_name
from intermodal.platform.errors import IntermodalError
from intermodal.platform.watching import Lane, Watch, WatchPolicy, agreed

ANSWER_SECONDS = 2.0
GOLDEN_SECONDS = 1.2
"""In total, whatever the number of lanes; what was not asked in this tick is asked in one of the next."""
WORKERS = 32

T = TypeVar("T")


def answering(places: Mapping[Cloud, ports.EndpointTarget]) -> dict[Cloud, bool]:
    """Whether each cloud's API takes a call; no answer in time is no."""
    if not places:
        return {}
    done, _ = _together({cloud: place.answers for cloud, place in places.items()}, ANSWER_SECONDS)
    return {cloud: done.get(cloud, False) for cloud in places}


def voted(
    policy: WatchPolicy, gateway: Mapping[Lane, bool | None], endpoints: Mapping[Lane, bool]
) -> dict[Lane, bool | None]:
    """One observation a lane, of what its watchers saw."""
    eyes = {lane: [endpoints.get(lane), *([gateway[lane]] if "gateway" in policy.watchers else [])] for lane in gateway}
    return {lane: agreed(policy, votes) for lane, votes in eyes.items()}


def endpoint_votes(
    gateway: ports.Gateway,
    places: Mapping[Cloud, ports.EndpointTarget],
    environment: str,
    lanes: Mapping[Lane, bool | None],
    before: Watch,
    now: float,
) -> dict[Lane, bool]:
    """Send the golden row through the clouds' own clients: suspects first, then the others by turns.

    An endpoint that was asked and has not answered in time cannot serve; of one that was not asked nothing is known.
    """
    rest = sorted(lane for lane in lanes if lane not in before.failing and lanes[lane] is not False)
    turn = int(now) % len(rest) if rest else 0
    ordered = [lane for lane in lanes if lane not in rest] + rest[turn:] + rest[:turn]

    def ask(lane: Lane) -> Callable[[], bool]:
        return lambda: _serves(gateway, places[lane[1]], environment, lane[0])

    done, started = _together({lane: ask(lane) for lane in ordered}, GOLDEN_SECONDS)
    return {lane: done.get(lane, False) for lane in ordered if lane in done or lane in started}


def _serves(gateway: ports.Gateway, place: ports.EndpointTarget, environment: str, model: str) -> bool:
    route = gateway.route(model)
    if route is None:
        return True  # withdrawn meanwhile
    try:
        place.invoke(endpoint_name(model, route.version, environment), route.golden_body.encode())
    except IntermodalError:
        return False
    return True


def _together(calls: Mapping[T, Callable[[], bool]], seconds: float) -> tuple[dict[T, bool], Sequence[T]]:
    """Results that came in time, and which others were begun. Threads that still wait are left to their time-outs."""
    pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="probe")
    running: dict[Future[bool], T] = {pool.submit(call): one for one, call in calls.items()}
    ready, waiting = wait(running, seconds)
    pool.shutdown(wait=False, cancel_futures=True)
    begun = [running[one] for one in waiting if not one.cancelled()]
    return {running[one]: one.result() for one in ready}, begun
