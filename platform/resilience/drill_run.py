"""Run a drill through the ports, and measure it."""

import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from intermodal.platform import ports
from intermodal.platform.deployment.requests import prefix
from intermodal.platform.errors import IntermodalError
from intermodal.platform.ports.gateway import Totals
from intermodal.platform.ports.incidents import Incident
from intermodal.platform.protocol.manifest import MANIFEST
from intermodal.platform.registry.champion import champion_of
from intermodal.platform.resilience.drills import DISTURBANCES, DrillKind, DrillResult
from intermodal.platform.targets import Target

POLL_SECONDS = 0.02
"""Between two looks at the gateway and the incidents. Measured times have this resolution."""
RECOVERY_SECONDS = 120.0
"""How long the drill waits for a target to get its weight back. After that it is reported as not restored."""


@dataclass
class SentRequests:
    """Requests that the drill sent itself."""

    requests: int = 0
    failed: int = 0


@dataclass(frozen=True)
class Scope:
    """What is disturbed: ``name`` as the person wrote it (a target, site or cloud), the ``targets`` that it selects,
    and ``of_model``: those of the measured model."""

    name: str
    targets: tuple[Target, ...]
    of_model: tuple[Target, ...]


def disturb(
    model: str,
    kind: DrillKind,
    scope: Scope,
    gateway: ports.Gateway,
    incidents: ports.Incidents,
    seconds: float,
    rate: float,
    concerned: Collection[str],
) -> DrillResult:
    """Let the gateway treat targets as failed, slow or throttled, until their capacity is replaced or time is over.

    The disturbance always ends, also if this is interrupted. It affects every model on these targets: requests of all
    ``concerned`` models are counted, times are measured for ``model``.
    """
    before, started = gateway.totals(), time.time()
    with _load(gateway, model, rate) as sent:
        drained: float | None = None
        opened: list[Incident] = []
        try:
            for target in scope.targets:
                gateway.disturb(target, DISTURBANCES[kind])
            while time.time() - started < seconds and not _replaced(opened, scope.of_model):
                if drained is None and not _healthy(gateway, model, scope.of_model):
                    drained = round(time.time() - started, 3)
                opened = _opened(incidents, model, scope.of_model, started)
                time.sleep(POLL_SECONDS)
        finally:
            for target in scope.targets:
                gateway.disturb(target, None)
        over = time.time()
        if opened:
            ids = [incident.id for incident in opened]
            _wait(lambda: not any(_is_open(incidents, incident) for incident in ids), RECOVERY_SECONDS)
            opened = [incident for incident in map(incidents.get, ids) if incident is not None]
        elif drained is not None:
            _wait(lambda: _all_healthy(gateway, model, scope.of_model), RECOVERY_SECONDS)
    served = _all_healthy(gateway, model, scope.of_model)
    restored = (_closed_at(opened) if opened else time.time() if served else None) if drained is not None else over
    counted = _counted(gateway, before, concerned)
    return DrillResult(
        kind=kind,
        scope=scope.name,
        model=model,
        started_at=started,
        requests=counted.requests,
        failed=max(sent.failed, counted.failed),
        retried=counted.retried,
        detected_seconds=_since(started, _last([incident.time_of("detected") for incident in opened])),
        drained_seconds=drained,
        capacity_seconds=_since(started, _last([incident.time_of("capacity") for incident in opened])),
        restored_seconds=_since(over, restored),
    )


def _replaced(opened: Sequence[Incident], targets: Collection[Target]) -> bool:
    return {incident.target for incident in opened if incident.time_of("capacity")} >= set(targets)


def _healthy(gateway: ports.Gateway, model: str, targets: Collection[Target]) -> bool:
    """Whether any of the targets gets requests, other than retries."""
    health = gateway.upstream_health(model)
    return any(health.get(target, False) for target in targets)


def _all_healthy(gateway: ports.Gateway, model: str, targets: Collection[Target]) -> bool:
    health = gateway.upstream_health(model)
    return all(health.get(target, False) for target in targets)


def _last(times: Sequence[float | None]) -> float | None:
    """The latest of several times. None if one is missing."""
    return max((moment for moment in times if moment is not None), default=None) if None not in times else None


def _closed_at(opened: Sequence[Incident]) -> float | None:
    return _last([incident.closed_at for incident in opened])


def corrupt(
    model: str, scope: str, gateway: ports.Gateway, registry: ports.ModelRegistry, store: ports.ObjectStore
) -> DrillResult:
    """Damage one object of the champion's mirror, detect it and repair it. Running endpoints have their files
    already."""
    champion = champion_of(registry, model)
    manifest, version_prefix = champion.candidate.manifest, prefix(model, champion.version)
    victim = min(manifest.files, key=lambda path: manifest.files[path].size)
    before, started = gateway.totals(), time.time()
    # A prefix without a manifest is no mirror: if this is killed, nothing uses it, and the next run reads every object.
    store.delete(f"{version_prefix}/{MANIFEST}")
    store.put(f"{version_prefix}/{victim}", b"damaged by a drill")
    detected = time.time() if victim in store.damaged(manifest, version_prefix) else None
    with TemporaryDirectory() as folder:
        store.mirror(registry.download(champion.candidate, Path(folder)), manifest, version_prefix)
    repaired = None if store.damaged(manifest, version_prefix) else time.time()
    counted = _counted(gateway, before, [model])
    return DrillResult(
        kind="corrupt",
        scope=scope,
        model=model,
        started_at=started,
        requests=counted.requests,
        failed=counted.failed,
        retried=counted.retried,
        detected_seconds=_since(started, detected),
        drained_seconds=None,
        capacity_seconds=None,
        restored_seconds=_since(started, repaired),
    )


def _counted(gateway: ports.Gateway, before: Mapping[str, Totals], models: Iterable[str]) -> Totals:
    now, none = gateway.totals(), Totals()
    counted = [now.get(name, none).since(before.get(name, none)) for name in models]
    return Totals(
        sum(totals.requests for totals in counted),
        sum(totals.failed for totals in counted),
        sum(totals.retried for totals in counted),
    )


@contextmanager
def _load(gateway: ports.Gateway, model: str, rate: float) -> Iterator[SentRequests]:
    """Send golden rows, ``rate`` requests a second, until the block ends."""
    route = gateway.route(model)
    assert route is not None
    sent, stop, body = SentRequests(), threading.Event(), route.golden_body.encode()
    counting = threading.Lock()

    def send_request() -> None:
        failed = False
        try:
            gateway.infer(model, body)
        except IntermodalError:
            failed = True
        with counting:
            sent.requests += 1
            sent.failed += failed

    def send() -> None:
        with ThreadPoolExecutor(max_workers=32, thread_name_prefix="drill") as pool:
            began, number = time.monotonic(), 0
            while not stop.wait(max(0.0, number / rate - (time.monotonic() - began))):
                pool.submit(send_request)
                number += 1
            pool.shutdown(cancel_futures=True)  # queued requests are late and would measure nothing

    sender = threading.Thread(target=send, name="drill-load")
    sender.start()
    try:
        yield sent
    finally:
        stop.set()
        sender.join()


def _opened(incidents: ports.Incidents, model: str, targets: Collection[Target], since: float) -> list[Incident]:
    """The newest incident of each target, if it began with the drill."""
    found = [incident for incident in incidents.all(model) if incident.target in targets]
    return list({incident.target: incident for incident in found if incident.opened_at >= since - 1}.values())


def _is_open(incidents: ports.Incidents, incident_id: str) -> bool:
    incident = incidents.get(incident_id)
    return incident is not None and incident.is_open


def _wait(done: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not done() and time.monotonic() < deadline:
        time.sleep(0.2)


def _since(started: float, moment: float | None) -> float | None:
    return None if moment is None else round(moment - started, 3)
