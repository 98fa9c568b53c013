"""Run a drill and measure it, through the ports."""

import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from intermodal.platform import ports
from intermodal.platform.errors import IntermodalError
from intermodal.platform.ports.gateway import Totals
from intermodal.platform.ports.incidents import Incident
from intermodal.platform.protocol.manifest import MANIFEST
from intermodal.platform.registry.champion import champion_of
from intermodal.platform.resilience.drills import DISTURBANCES, DrillKind, DrillResult
from intermodal.platform.targets import Target

POLL_SECONDS = 0.02
RECOVERY_SECONDS = 120.0
"""How long a target may need to get its share back after the drill, before it is reported as not restored."""


@dataclass
class Sent:
    requests: int = 0
    failed: int = 0


@dataclass(frozen=True)
class Scope:
    """What is disturbed: ``name`` as the person wrote it (a target, site or cloud), the ``targets`` that it selects,
    and those ``of_model`` whose reaction is measured."""

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
    """Let the gateway treat targets as out, slow or throttled, until their capacity is replaced or time is over.

    The disturbance is always taken back, also when this is interrupted. It hits every model on these targets: the
    requests of all ``concerned`` are counted, how soon the platform reacts is that of ``model``.
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
            _wait(lambda: not any(_is_open(incidents, id) for id in ids), RECOVERY_SECONDS)
            opened = [incident for id in ids if (incident := incidents.get(id)) is not None]
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
        detected_seconds=_since(started, _last([incident.at("detected") for incident in opened])),
        drained_seconds=drained,
        capacity_seconds=_since(started, _last([incident.at("capacity") for incident in opened])),
        restored_seconds=_since(over, restored),
    )


def _replaced(opened: Sequence[Incident], targets: Collection[Target]) -> bool:
    return {incident.target for incident in opened if incident.at("capacity")} >= set(targets)


def _healthy(gateway: ports.Gateway, model: str, targets: Collection[Target]) -> bool:
    """Whether any of the targets is sent first tries."""
    health = gateway.upstream_health(model)
    return any(health.get(target, False) for target in targets)


def _all_healthy(gateway: ports.Gateway, model: str, targets: Collection[Target]) -> bool:
    health = gateway.upstream_health(model)
    return all(health.get(target, False) for target in targets)


def _last(times: Sequence[float | None]) -> float | None:
    """When the last of several came; None while one is missing."""
    return max((at for at in times if at is not None), default=None) if None not in times else None


def _closed_at(opened: Sequence[Incident]) -> float | None:
    return _last([incident.closed_at for incident in opened])


def corrupt(
    model: str, scope: str, gateway: ports.Gateway, registry: ports.ModelRegistry, store: ports.ObjectStore
) -> DrillResult:
    """Damage one object of the champion's mirror, find it, and mend it. What serves now has its files already."""
    champion = champion_of(registry, model)
    manifest, prefix = champion.candidate.manifest, f"{model}/{champion.version}"
    victim = min(manifest.files, key=lambda path: manifest.files[path].size)
    before, started = gateway.totals(), time.time()
    # Without its manifest a prefix is no mirror: nobody takes it for whole if this is killed, and a run reads it all.
    store.delete(f"{prefix}/{MANIFEST}")
    store.put(f"{prefix}/{victim}", b"damaged by a drill")
    detected = time.time() if victim in store.damaged(manifest, prefix) else None
    with TemporaryDirectory() as folder:
        store.mirror(registry.download(champion.candidate, Path(folder)), manifest, prefix)
    mended = None if store.damaged(manifest, prefix) else time.time()
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
        restored_seconds=_since(started, mended),
    )


def _counted(gateway: ports.Gateway, before: Mapping[str, Totals], models: Iterable[str]) -> Totals:
    now, none = gateway.totals(), Totals()
    each = [now.get(name, none).since(before.get(name, none)) for name in models]
    return Totals(sum(one.requests for one in each), sum(one.failed for one in each), sum(one.retried for one in each))


@contextmanager
def _load(gateway: ports.Gateway, model: str, rate: float) -> Iterator[Sent]:
    """Known rows, ``rate`` a second, until the block ends."""
    route = gateway.route(model)
    assert route is not None
    sent, stop, body = Sent(), threading.Event(), route.golden_body.encode()
    counting = threading.Lock()

    def ask() -> None:
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
                pool.submit(ask)
                number += 1
            pool.shutdown(cancel_futures=True)  # those that wait for a thread are late and would measure nothing

    sender = threading.Thread(target=send, name="drill-load")
    sender.start()
    try:
        yield sent
    finally:
        stop.set()
        sender.join()


def _opened(incidents: ports.Incidents, model: str, targets: Collection[Target], since: float) -> list[Incident]:
    """The newest incident of each target that began with the drill."""
    found = {one.target: one for one in incidents.all(model) if one.target in targets and one.opened_at >= since - 1}
    return list(found.values())


def _is_open(incidents: ports.Incidents, id: str) -> bool:
    now = incidents.get(id)
    return now is not None and now.is_open


def _wait(done: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not done() and time.monotonic() < deadline:
        time.sleep(0.2)


def _since(started: float, at: float | None) -> float | None:
    return None if at is None else round(at - started, 3)
