"""What the outage sensor asks of the clouds themselves, in bounded time: APIs of clouds that were down, golden rows."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Literal, TypeVar

from intermodal.platform import ports
from intermodal.platform.errors import IntermodalError
from intermodal.platform.ports.endpoints import endpoint_name
from intermodal.platform.resilience.detection import Lane, Watch, WatchPolicy, agreed
from intermodal.platform.targets import Cloud

log = logging.getLogger(__name__)
ANSWER_SECONDS = 1.5
BEGIN_SECONDS, GOLDEN_SECONDS = 0.2, 1.3
"""Golden rows are sent for so long, whatever the number of lanes, and each may take so long from its own start: Azure's
are three calls, one after the other. What was not asked in this tick is asked in one of the next."""
WORKERS, TICK_SECONDS = 32, 5.0

T = TypeVar("T")


def asking(places: Mapping[Cloud, ports.EndpointTarget]) -> Callable[[], dict[Cloud, bool]]:
    """Ask whether each cloud's API takes a call, and go on; what this gives waits for the rest of ``ANSWER_SECONDS``.

    No answer in time is no.
    """
    pool, until = _pool(), time.monotonic() + ANSWER_SECONDS
    asked = {cloud: pool.submit(place.answers) for cloud, place in places.items()}
    pool.shutdown(wait=False)

    def answers() -> dict[Cloud, bool]:
        ready, _ = wait(asked.values(), max(0.0, until - time.monotonic()))
        return {cloud: future in ready and _given(future, cloud) is True for cloud, future in asked.items()}

    return answers


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
    pool = _pool()
    running: dict[Future[bool | None], T] = {pool.submit(call): one for one, call in calls.items()}
    wait(running, begin)
    pool.shutdown(wait=False, cancel_futures=True)
    begun = {future: one for future, one in running.items() if not future.cancelled()}
    ready, _ = wait(begun, seconds)
    return {one: _given(future, one) if future in ready else False for future, one in begun.items()}


def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(WORKERS, thread_name_prefix="probe")


def _given(future: Future[T], one: object) -> T | Literal[False]:
    """An error that nobody expected is a no for this one, and no reason not to look at the others."""
    if (error := future.exception()) is not None:
        log.error("Asking %s failed: %r", one, error, exc_info=error)
        return False
    return future.result()
