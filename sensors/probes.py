"""What the outage sensor asks of the clouds themselves, in bounded time: APIs of clouds that were down, golden rows."""

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

from intermodal.platform import ports
from intermodal.platform.clouds import Cloud
from intermodal.platform.endpoints import endpoint_name
from intermodal.platform.errors import IntermodalError
from intermodal.platform.watching import Lane, Watch, WatchPolicy, agreed

log = logging.getLogger(__name__)
ANSWER_SECONDS = 2.0
BEGIN_SECONDS, GOLDEN_SECONDS = 0.3, 1.5
"""Golden rows are sent for so long, whatever the number of lanes, and each may take so long from its own start: Azure's
are three calls, one after the other. What was not asked in this tick is asked in one of the next."""
WORKERS, TICK_SECONDS = 32, 5.0

T = TypeVar("T")


def answering(places: Mapping[Cloud, ports.EndpointTarget]) -> dict[Cloud, bool]:
    """Whether each cloud's API takes a call; no answer in time is no."""
    if not places:
        return {}
    found = _together({cloud: place.answers for cloud, place in places.items()}, ANSWER_SECONDS, 0)
    return {cloud: found.get(cloud) is True for cloud in places}


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
    suspects = [lane for lane in lanes if lane in before.failing or lanes[lane] is False]
    ordered = suspects + _by_turns(rest, now)

    def ask(lane: Lane) -> Callable[[], bool | None]:
        return lambda: _serves(gateway, places[lane[1]], environment, lane[0])

    found = _together({lane: ask(lane) for lane in ordered}, BEGIN_SECONDS, GOLDEN_SECONDS)
    return {lane: serves for lane, serves in found.items() if serves is not None}


def _by_turns(lanes: Sequence[Lane], now: float) -> list[Lane]:
    """After ``TICK_SECONDS`` it begins as many further on as are surely asked in one tick."""
    turn = int(now / TICK_SECONDS * WORKERS) % len(lanes) if lanes else 0
    return [*lanes[turn:], *lanes[:turn]]


def _serves(gateway: ports.Gateway, place: ports.EndpointTarget, environment: str, model: str) -> bool | None:
    try:
        route = gateway.route(model)
    except Exception as error:  # noqa: BLE001 whatever ails the gateway, nothing is known of the endpoint
        log.warning("The gateway did not say what is served of %s: %r", model, error)
        return None
    if route is None:
        return True  # withdrawn meanwhile
    try:
        place.invoke(endpoint_name(model, route.version, environment), route.golden_body.encode())
    except IntermodalError:
        return False
    return True


def _together(calls: Mapping[T, Callable[[], bool | None]], begin: float, seconds: float) -> dict[T, bool | None]:
    """What the calls gave that began within ``begin`` seconds; no answer within further ``seconds`` is no.

    Threads that still wait are left to their time-outs.
    """
    pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="probe")
    running: dict[Future[bool | None], T] = {pool.submit(call): one for one, call in calls.items()}
    wait(running, begin)
    pool.shutdown(wait=False, cancel_futures=True)
    begun = {future: one for future, one in running.items() if not future.cancelled()}
    ready, _ = wait(begun, seconds)
    return {one: _given(future, one) if future in ready else False for future, one in begun.items()}


def _given(future: Future[bool | None], one: object) -> bool | None:
    """An error that nobody expected is a no for this one, and no reason not to look at the others."""
    if (error := future.exception()) is not None:
        log.error("Asking %s failed: %r", one, error, exc_info=error)
        return False
    return future.result()
