"""The sensor that renews the gateway's credentials before they expire."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from importlib import import_module
from threading import Event
from types import SimpleNamespace

import dagster as dg
import pytest

from intermodal.assets.ports import target_key
from intermodal.platform.deployment.routing import even_weights
from intermodal.platform.errors import IntermodalError, Unavailable
from intermodal.platform.ports.endpoints import Endpoint, Upstream
from intermodal.platform.ports.gateway import Route
from intermodal.platform.targets import CLOUDS, TARGETS
from intermodal.sensors.credentials import NEAR_SECONDS, gateway_credentials
from intermodal.sensors.toolkit.concurrency import WORKERS, Answers, gather_with_timeout
from tests.memory import MemoryDeployment, MemoryGateway, MemoryStore, MemoryTarget

module = import_module("intermodal.sensors.credentials")


@pytest.fixture
def targets() -> dict[str, MemoryTarget]:
    return {target.cloud: MemoryTarget(target, MemoryStore(target.cloud)) for target in TARGETS}


@pytest.fixture
def gateway(targets: dict[str, MemoryTarget]) -> MemoryGateway:
    gateway = MemoryGateway(list(targets.values()))
    for place in targets.values():
        served = Endpoint(place.target, "m-1-0-0-sandbox", "m", "1.0.0", "https://x", "ready")
        place.endpoints[served.name] = served
        place.expires_at = time.time() + (60 if place.target.cloud != "azure" else 3600)
    route = Route("m", "1.0.0", even_weights(targets), {}, "{}")  # type: ignore[arg-type]
    upstreams = [place.upstream(place.endpoints["m-1-0-0-sandbox"]) for place in targets.values()]
    gateway.publish(route, upstreams)
    return gateway


def expire(gateway: MemoryGateway, targets: dict[str, MemoryTarget], seconds: float) -> None:
    """Give every upstream a credential that is good for so long."""
    for place in targets.values():
        place.expires_at = time.time() + seconds
        gateway.renew("m", place.upstream(place.endpoints["m-1-0-0-sandbox"]))


def tick(gateway: MemoryGateway, targets: dict[str, MemoryTarget]) -> str:
    resources = {
        "gateway": gateway,
        "deployment": MemoryDeployment(),
        **{target_key(place.target): place for place in targets.values()},
    }
    context = dg.build_sensor_context(
        resources=resources, definitions=dg.Definitions(sensors=[gateway_credentials], resources=resources)
    )
    return gateway_credentials.evaluate_tick(context).skip_message or ""


def test_only_what_expires_soon_is_renewed(gateway: MemoryGateway, targets: dict[str, MemoryTarget]) -> None:
    before = dict(gateway.held["m"])
    for place in targets.values():
        place.expires_at = time.time() + 3600
    assert tick(gateway, targets) == "Renewed: m on aws, m on gcp."
    assert {cloud for cloud in before if gateway.held["m"][cloud] != before[cloud]} == {"aws", "gcp"}  # type: ignore[index]
    assert tick(gateway, targets) == "No credential expires soon."


def test_a_cloud_that_is_down_does_not_keep_the_others_from_it(
    gateway: MemoryGateway, targets: dict[str, MemoryTarget]
) -> None:
    expire(gateway, targets, NEAR_SECONDS + 60)
    targets["aws"].gone = True
    said = tick(gateway, targets)
    assert said.startswith("Renewed: m on gcp, m on azure. Not renewed: m on aws: aws does not answer.")


def test_an_api_that_is_down_keeps_no_endpoint_from_it(
    gateway: MemoryGateway, targets: dict[str, MemoryTarget], monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: object) -> Endpoint:
        raise Unavailable("its API does not answer")

    before = dict(gateway.held["m"])
    for place in targets.values():
        monkeypatch.setattr(place, "describe", down)
    assert tick(gateway, targets) == "Renewed: m on aws, m on gcp."
    for cloud in ("aws", "gcp"):
        assert gateway.held["m"][cloud] == replace(before[cloud], credential=gateway.held["m"][cloud].credential)  # type: ignore[index]


def test_shortly_before_it_expires_the_tick_fails_and_the_others_are_renewed(
    gateway: MemoryGateway, targets: dict[str, MemoryTarget]
) -> None:
    targets["aws"].gone = True
    before = dict(gateway.held["m"])
    with pytest.raises(IntermodalError, match="expire soon and could not be renewed: m on aws: aws does not answer"):
        tick(gateway, targets)
    assert gateway.held["m"]["gcp"] != before["gcp"]


def test_a_cloud_that_has_no_traffic_makes_no_tick_fail(
    gateway: MemoryGateway, targets: dict[str, MemoryTarget]
) -> None:
    targets["aws"].gone = True
    gateway.shift("m", {"gcp": 1, "azure": 1})
    assert "Not renewed: m on aws" in tick(gateway, targets)


@pytest.fixture
def end() -> Iterator[Event]:
    """Whoever waits for it waits until the test has ended."""
    event = Event()
    yield event
    event.set()


def more(gateway: MemoryGateway, targets: dict[str, MemoryTarget], names: list[str], seconds: float) -> None:
    """Models whose credentials are good for so long."""
    for place in targets.values():
        place.expires_at = time.time() + seconds
    for name in names:
        served = [Endpoint(t, f"{name}-1-0-0-sandbox", name, "1.0.0", "https://x", "ready") for t in TARGETS]
        route = Route(name, "1.0.0", even_weights(targets), {}, "{}")  # type: ignore[arg-type]
        gateway.publish(route, [targets[one.target.cloud].upstream(one) for one in served])


def test_a_silent_cloud_has_its_part_of_a_tick_and_the_others_are_renewed(
    gateway: MemoryGateway, targets: dict[str, MemoryTarget], monkeypatch: pytest.MonkeyPatch, end: Event
) -> None:
    """1,000 models: no more of its calls begin than may be under way at once."""
    expire(gateway, targets, NEAR_SECONDS + 60)
    more(gateway, targets, [f"m{number:03}" for number in range(999)], NEAR_SECONDS + 60)
    for place in targets.values():
        place.expires_at = time.time() + 3600
    begun, given, upstream = list[str](), list[float](), targets["aws"].upstream

    def silent(endpoint: Endpoint) -> Upstream:
        begun.append(endpoint.model)
        end.wait()
        return upstream(endpoint)

    def asked(calls: Mapping[str, Callable[[], Upstream]], seconds: float) -> Answers[Upstream]:
        given.append(seconds)
        return gather_with_timeout(calls, 0.2 if "m on aws" in calls else 60.0)  # this machine may be slow

    monkeypatch.setattr(targets["aws"], "upstream", silent)
    monkeypatch.setattr(module, "gather_with_timeout", asked)
    said = tick(gateway, targets)
    assert len(begun) <= WORKERS
    assert sum(given) == pytest.approx(module.SECONDS)
    assert said.startswith("Renewed: ")
    assert said.endswith(" on aws: no answer within 0.2 s; and 980 more.")
    left = {c: sum(gateway.credential_expiry(m)[c] - time.time() < 1800 for m in gateway.models()) for c in CLOUDS}
    assert left == {"aws": 1000, "gcp": 0, "azure": 0}


def test_the_late_ones_are_asked_first_and_by_turns(
    gateway: MemoryGateway, targets: dict[str, MemoryTarget], monkeypatch: pytest.MonkeyPatch
) -> None:
    more(gateway, targets, ["early", "m"], NEAR_SECONDS + 60)
    more(gateway, targets, ["x", "y", "z"], NEAR_SECONDS - 60)
    orders = set[str]()

    def nobody(calls: Mapping[str, object], _: float) -> Answers[Upstream]:
        if "x on aws" in calls:
            orders.add("".join(name[0] for name in calls))
        return Answers({}, {})

    monkeypatch.setattr(module, "gather_with_timeout", nobody)
    now = time.time()
    for later in range(9):
        monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda later=later: now + later))
        tick(gateway, targets)
    assert {order[:3] for order in orders} == {"xyz", "yzx", "zxy"}
    assert {order[3:] for order in orders} == {"em", "me"}


def test_a_model_whose_route_is_damaged_keeps_no_other_from_it(
    gateway: MemoryGateway, targets: dict[str, MemoryTarget], monkeypatch: pytest.MonkeyPatch
) -> None:
    known, before = gateway.route, dict(gateway.held["m"])

    def route(model: str) -> Route | None:
        if model == "damaged":
            raise IntermodalError("damaged.json is damaged")
        return known(model)

    monkeypatch.setattr(gateway, "models", lambda: ["damaged", "m"])
    monkeypatch.setattr(gateway, "route", route)
    with pytest.raises(IntermodalError, match=r"damaged: damaged\.json is damaged"):
        tick(gateway, targets)
    assert gateway.held["m"]["gcp"] != before["gcp"]
