"""What the outage sensor asks of the clouds, in bounded time: APIs of targets with an incident, golden rows."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Literal, TypeVar

from intermodal.platform import ports
from intermodal.platform.errors import IntermodalError
from intermodal.platform.ports.endpoints import endpoint_name
from intermodal.platform.resilience.detection import DetectionPolicy, DetectionState, UpstreamKey, agreed
from intermodal.platform.targets import Target

log = logging.getLogger(__name__)
ANSWER_SECONDS = 1.5
BEGIN_SECONDS, GOLDEN_SECONDS = 0.2, 1.3
"""Golden rows are sent for so long, whatever the number of upstreams, and each may take so long from its own start:
Azure's are three calls, one after the other. An upstream that is not probed in this tick is probed in a later one."""
CONCURRENT_PROBES, TICK_SECONDS = 32, 5.0

T = TypeVar("T")


def ask_apis(adapters: Mapping[Target, ports.EndpointTarget]) -> Callable[[], dict[Target, bool]]:
    """Ask whether each target's API takes a call, and go on; the result waits for the rest of ``ANSWER_SECONDS``.

    No answer in time is no.
    """
    pool, until = _pool(), time.monotonic() + ANSWER_SECONDS
    calls = {target: pool.submit(adapter.answers) for target, adapter in adapters.items()}
    pool.shutdown(wait=False)

    def answers() -> dict[Target, bool]:
        ready, _ = wait(calls.values(), max(0.0, until - time.monotonic()))
        return {target: future in ready and _result(future, target) is True for target, future in calls.items()}

    return answers


def voted(
    policy: DetectionPolicy, gateway: Mapping[UpstreamKey, bool | None], endpoints: Mapping[UpstreamKey, bool]
) -> dict[UpstreamKey, bool | None]:
    """One observation of each upstream, from those of its watchers."""
    seen = {key: [endpoints.get(key), *([gateway[key]] if "gateway" in policy.watchers else [])] for key in gateway}
    return {key: agreed(policy, votes) for key, votes in seen.items()}


def endpoint_votes(
    gateway: ports.Gateway,
    adapters: Mapping[Target, ports.EndpointTarget],
    environment: str,
    upstreams: Mapping[UpstreamKey, bool | None],
    before: DetectionState,
    now: float,
) -> dict[UpstreamKey, bool]:
    """Send the golden row through the clouds' own clients: to suspects first, then to the others by turns.

    An endpoint that was probed and has not answered in time cannot serve. Nothing is known of one that was not probed,
    nor of one whose target has no adapter.
    """
    probed = [key for key in upstreams if key[1] in adapters]
    suspects = [key for key in probed if key in before.failing or upstreams[key] is False]
    others = sorted(set(probed) - set(suspects))

    def probe(key: UpstreamKey) -> Callable[[], bool | None]:
        return lambda: _serves(gateway, adapters[key[1]], environment, key[0])

    found = _gather({key: probe(key) for key in suspects + _by_turns(others, now)}, BEGIN_SECONDS, GOLDEN_SECONDS)
    return {key: serves for key, serves in found.items() if serves is not None}


def _by_turns(keys: Sequence[UpstreamKey], now: float) -> list[UpstreamKey]:
    """After ``TICK_SECONDS`` it begins as many further on as are surely probed in one tick."""
    start = int(now / TICK_SECONDS * CONCURRENT_PROBES) % len(keys) if keys else 0
    return [*keys[start:], *keys[:start]]


def _serves(gateway: ports.Gateway, adapter: ports.EndpointTarget, environment: str, model: str) -> bool | None:
    try:
        route = gateway.route(model)
    except Exception as error:  # noqa: BLE001 whatever ails the gateway, nothing is known of the endpoint
        log.warning("The route of %s could not be read: %r", model, error)
        return None
    if route is None:
        return True  # withdrawn meanwhile
    try:
        adapter.invoke(endpoint_name(model, route.version, environment), route.golden_body.encode())
    except IntermodalError:
        return False
    return True


def _gather(calls: Mapping[T, Callable[[], bool | None]], begin: float, seconds: float) -> dict[T, bool | None]:
    """The results of the calls that began within ``begin`` seconds; no answer within further ``seconds`` is no.

    Threads that still wait are left to their time-outs.
    """
    pool = _pool()
    running: dict[Future[bool | None], T] = {pool.submit(call): key for key, call in calls.items()}
    wait(running, begin)
    pool.shutdown(wait=False, cancel_futures=True)
    begun = {future: key for future, key in running.items() if not future.cancelled()}
    ready, _ = wait(begun, seconds)
    return {key: _result(future, key) if future in ready else False for future, key in begun.items()}


def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(CONCURRENT_PROBES, thread_name_prefix="probe")


def _result(future: Future[T], key: object) -> T | Literal[False]:
    """An unexpected error is a no for this key, and no reason not to look at the others."""
    if (error := future.exception()) is not None:
        log.error("Asking %s failed: %r", key, error, exc_info=error)
        return False
    return future.result()
