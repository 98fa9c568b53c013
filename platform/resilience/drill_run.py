"""Making a drill and measuring it, through the ports: nothing here knows which cloud, or which proxy, it disturbs."""

import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
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
from intermodal.platform.targets import Cloud

POLL_SECONDS = 0.02
RECOVERY_SECONDS = 120.0
"""How long a cloud may need to get its share back after the drill, before it is reported as not restored."""


@dataclass
class Sent:
    requests: int = 0
    failed: int = 0


def disturb(
    model: str,
    kind: DrillKind,
    cloud: Cloud,
    gateway: ports.Gateway,
    incidents: ports.Incidents,
    seconds: float,
    rate: float,
    concerned: Collection[str],
) -> DrillResult:
    """Let the gateway treat a cloud as out, slow or throttled, until its capacity is made up for or time is over.

    The disturbance is always taken back, also when this is interrupted. It hits every model on the cloud: the requests
    of all ``concerned`` are counted, how soon the platform reacts is that of ``model``.
    """
    before, started = gateway.totals(), time.time()
    with _load(gateway, model, rate) as sent:
        drained: float | None = None
        incident: Incident | None = None
        try:
            gateway.disturb(cloud, DISTURBANCES[kind])
            while time.time() - started < seconds and not (incident and incident.at("capacity")):
                if drained is None and not gateway.upstream_health(model).get(cloud, False):
                    drained = round(time.time() - started, 3)
                incident = _opened(incidents, model, cloud, started)
                time.sleep(POLL_SECONDS)
        finally:
            gateway.disturb(cloud, None)
        over = time.time()
        if incident is not None:
            known = incident.id
            _wait(lambda: not _is_open(incidents, known), RECOVERY_SECONDS)
            incident = incidents.get(known)
        elif drained is not None:
            _wait(lambda: gateway.upstream_health(model).get(cloud, False), RECOVERY_SECONDS)
    served = gateway.upstream_health(model).get(cloud, False)
    restored = (incident.closed_at if incident else time.time() if served else None) if drained is not None else over
    counted = _counted(gateway, before, concerned)
    return DrillResult(
        kind=kind,
        cloud=cloud,
        model=model,
        started_at=started,
        requests=counted.requests,
        failed=max(sent.failed, counted.failed),
        retried=counted.retried,
        detected_seconds=_since(started, incident.at("detected") if incident else None),
        drained_seconds=drained,
        capacity_seconds=_since(started, incident.at("capacity") if incident else None),
        restored_seconds=_since(over, restored),
    )


def corrupt(
    model: str, cloud: Cloud, gateway: ports.Gateway, registry: ports.ModelRegistry, store: ports.ObjectStore
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
        cloud=cloud,
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


def _opened(incidents: ports.Incidents, model: str, cloud: Cloud, since: float) -> Incident | None:
    found = [one for one in incidents.all(model) if one.cloud == cloud and one.opened_at >= since - 1]
    return found[-1] if found else None


def _is_open(incidents: ports.Incidents, id: str) -> bool:
    now = incidents.get(id)
    return now is not None and now.is_open


def _wait(done: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not done() and time.monotonic() < deadline:
        time.sleep(0.2)


def _since(started: float, at: float | None) -> float | None:
    return None if at is None else round(at - started, 3)
