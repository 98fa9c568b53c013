"""The sensor that renews the gateway's credentials before they expire."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from importlib import import_module
from threading import Event
from types import SimpleNamespace

import dagster as dg
import pytest

from intermodal.platform.deployment.routing import even_weights
from intermodal.platform.errors import IntermodalError, Unavailable
from intermodal.platform.ports.endpoints import Endpoint, Upstream
from intermodal.platform.ports.gateway import Canary, Route
from intermodal.platform.targets import Target
from intermodal.sensors.credentials import FOREIGN_SHARE, MARGIN_SECONDS, NEAR_SECONDS, gateway_credentials
from intermodal.sensors.toolkit.concurrency import CONCURRENT_CALLS, Answers, gather_with_timeout
from tests.memory import MemoryDeployment, MemoryGateway, MemoryStore, MemoryTarget, MemoryTargets
from tests.sensors.support import routes, spec
from tests.targets import AWS, AWS_EU, AZURE, EKS, GCP, TARGETS

module = import_module("intermodal.sensors.credentials")
Adapters = dict[Target, MemoryTarget]
NAME = "m-1-0-0-sandbox"


@pytest.fixture
def targets() -> Adapters:
    return {target: MemoryTarget(target, MemoryStore(target.site)) for target in TARGETS}


@pytest.fixture
def gateway(targets: Adapters) -> MemoryGateway:
    gateway = MemoryGateway(list(targets.values()))
    for target, adapter in targets.items():
        adapter.endpoints[NAME] = Endpoint(target, NAME, "m", "1.0.0", "https://x", "ready")
        adapter.expires_at = time.time() + (60 if target != AZURE else 3600)
    upstreams = [adapter.upstream(adapter.endpoints[NAME]) for adapter in targets.values()]
    gateway.publish(Route("m", "1.0.0", even_weights(targets), {}, "{}"), upstreams)
    return gateway


def expire(gateway: MemoryGateway, targets: Adapters, seconds: float) -> None:
    """Give every upstream a credential that is good for so long."""
    for adapter in targets.values():
        adapter.expires_at = time.time() + seconds
        gateway.renew("m", adapter.upstream(adapter.endpoints[NAME]))


def tick(gateway: MemoryGateway, targets: Adapters, models: Collection[str] | None = None) -> str:
    """``models`` are those that the code location defines, None all."""
    resources = {"gateway": gateway, "deployment": MemoryDeployment(), "targets": MemoryTargets(targets)}
    assets = routes([spec(name) for name in (gateway.models() if models is None else models)])
    definitions = dg.Definitions(assets, sensors=[gateway_credentials], resources=resources)
    context = dg.build_sensor_context(resources=resources, definitions=definitions)
    return gateway_credentials.evaluate_tick(context).skip_message or ""


def test_credentials_that_expire_soon_are_renewed(gateway: MemoryGateway, targets: Adapters) -> None:
    before = dict(gateway.held["m"])
    for adapter in targets.values():
        adapter.expires_at = time.time() + 3600
    assert tick(gateway, targets) == "Renewed: m on aws/sagemaker, m on gcp/cloud-run."
    assert {target for target in before if gateway.held["m"][target] != before[target]} == {AWS, GCP}
    assert tick(gateway, targets) == "No credential expires soon."


def test_credentials_of_a_canary_are_renewed_beside_those_of_the_route(
    gateway: MemoryGateway, targets: Adapters
) -> None:
    expire(gateway, targets, 3600)
    held = replace(gateway.held["m"][AWS], version="1.1.0")
    targets[AWS].expires_at = time.time() + 60
    soon = replace(targets[AWS].upstream(targets[AWS].endpoints[NAME]), version="1.1.0")
    gateway.split("m", Canary(Route("m", "1.1.0", {AWS: 1}, {}, "{}"), 5), [replace(held, credential=soon.credential)])
    targets[AWS].expires_at = time.time() + 3600
    assert tick(gateway, targets) == "Renewed: m 1.1.0 on aws/sagemaker."
    assert tick(gateway, targets) == "No credential expires soon."


def test_credentials_with_one_target_down_renews_the_others(gateway: MemoryGateway, targets: Adapters) -> None:
    expire(gateway, targets, NEAR_SECONDS + 60)
    targets[AWS].gone = True
    message = tick(gateway, targets)
    assert message.startswith(
        "Renewed: m on gcp/cloud-run, m on azure/ml. Not renewed: m on aws/sagemaker: aws/sagemaker"
    )


def test_credentials_without_management_api_are_renewed(
    gateway: MemoryGateway, targets: Adapters, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: object) -> Endpoint:
        raise Unavailable("its API does not answer")

    before = dict(gateway.held["m"])
    for adapter in targets.values():
        monkeypatch.setattr(adapter, "describe", down)
    assert tick(gateway, targets) == "Renewed: m on aws/sagemaker, m on gcp/cloud-run."
    for target in (AWS, GCP):
        assert gateway.held["m"][target] == replace(before[target], credential=gateway.held["m"][target].credential)


def test_credentials_about_to_expire_fail_the_tick(gateway: MemoryGateway, targets: Adapters) -> None:
    targets[AWS].gone = True
    before = dict(gateway.held["m"])
    with pytest.raises(
        IntermodalError, match="expire soon and could not be renewed: m on aws/sagemaker: aws/sagemaker does not"
    ):
        tick(gateway, targets)
    assert gateway.held["m"][GCP] != before[GCP]


def test_credentials_without_traffic_fail_no_tick(gateway: MemoryGateway, targets: Adapters) -> None:
    targets[AWS].gone = True
    gateway.shift("m", {GCP: 1, AZURE: 1})
    assert "Not renewed: m on aws" in tick(gateway, targets)


@pytest.fixture
def end() -> Iterator[Event]:
    """Its caller waits until the test has ended."""
    event = Event()
    yield event
    event.set()


def more(gateway: MemoryGateway, targets: Adapters, names: list[str], seconds: float) -> None:
    """Models whose credentials are good for so long."""
    for adapter in targets.values():
        adapter.expires_at = time.time() + seconds
    for name in names:
        served = [Endpoint(t, f"{name}-1-0-0-sandbox", name, "1.0.0", "https://x", "ready") for t in targets]
        route = Route(name, "1.0.0", even_weights(targets), {}, "{}")
        gateway.publish(route, [targets[endpoint.target].upstream(endpoint) for endpoint in served])


def test_credentials_with_silent_target_renew_the_others(
    gateway: MemoryGateway, targets: Adapters, monkeypatch: pytest.MonkeyPatch, end: Event
) -> None:
    """1,000 models: no more of its calls begin than may be under way at once."""
    expire(gateway, targets, NEAR_SECONDS + 60)
    more(gateway, targets, [f"m{number:03}" for number in range(999)], NEAR_SECONDS + 60)
    for adapter in targets.values():
        adapter.expires_at = time.time() + 3600
    begun, given, upstream = list[str](), list[float](), targets[AWS].upstream

    def silent(endpoint: Endpoint) -> Upstream:
        begun.append(endpoint.model)
        end.wait()
        return upstream(endpoint)

    def gather(calls: Mapping[str, Callable[[], Upstream]], seconds: float) -> Answers[Upstream]:
        given.append(seconds)
        return gather_with_timeout(calls, 0.2 if "m on aws/sagemaker" in calls else 60.0)  # this machine may be slow

    monkeypatch.setattr(targets[AWS], "upstream", silent)
    monkeypatch.setattr(module, "gather_with_timeout", gather)
    message = tick(gateway, targets)
    assert len(begun) <= CONCURRENT_CALLS
    assert sum(given) == pytest.approx(module.RENEWAL_SECONDS)
    assert message.startswith("Renewed: ")
    assert message.endswith(" on aws/sagemaker: no answer within 0.2 s; and 980 more.")
    left = {t: sum(gateway.credential_expiry(m)[t] - time.time() < 1800 for m in gateway.models()) for t in TARGETS}
    assert left == {AWS: 1000, GCP: 0, AZURE: 0}


def test_credentials_that_are_late_come_first_by_turns(
    gateway: MemoryGateway, targets: Adapters, monkeypatch: pytest.MonkeyPatch
) -> None:
    more(gateway, targets, ["early", "m"], NEAR_SECONDS + 60)
    more(gateway, targets, ["x", "y", "z"], NEAR_SECONDS - 60)
    orders = set[str]()

    def no_answers(calls: Mapping[str, object], _: float) -> Answers[Upstream]:
        if "x on aws/sagemaker" in calls:
            orders.add("".join(name[0] for name in calls))
        return Answers({}, {})

    monkeypatch.setattr(module, "gather_with_timeout", no_answers)
    now = time.time()
    for later in range(9):
        monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda later=later: now + later))
        tick(gateway, targets)
    assert {order[:3] for order in orders} == {"xyz", "yzx", "zxy"}
    assert {order[3:] for order in orders} == {"em", "me"}


def test_credentials_with_damaged_route_renew_the_others(
    gateway: MemoryGateway, targets: Adapters, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, before = gateway.route, dict(gateway.held["m"])

    def route(model: str) -> Route | None:
        if model == "damaged":
            raise IntermodalError("damaged.json is damaged")
        return known(model)

    monkeypatch.setattr(gateway, "models", lambda: ["damaged", "m"])
    monkeypatch.setattr(gateway, "route", route)
    assert "Not renewed: damaged: damaged.json is damaged." in tick(gateway, targets, ["m"])  # another location's
    expire(gateway, targets, 60)
    with pytest.raises(IntermodalError, match=r"damaged: damaged\.json is damaged"):
        tick(gateway, targets)
    assert gateway.held["m"][GCP] != before[GCP]


def test_credentials_of_targets_of_one_cloud_are_separate() -> None:
    """Each target of the route by its own adapter; a target that no route has is not looked at."""
    targets = {target: MemoryTarget(target, MemoryStore(target.site)) for target in (AWS, AWS_EU, EKS)}
    gateway = MemoryGateway(list(targets.values()))
    more(gateway, {target: targets[target] for target in (AWS, AWS_EU)}, ["m"], 60)
    more(gateway, {EKS: targets[EKS]}, ["n"], 60)
    targets[AWS].expires_at = targets[EKS].expires_at = time.time() + 3600
    before = {model: dict(held) for model, held in gateway.held.items()}
    assert tick(gateway, targets) == "Renewed: m on aws/sagemaker, m on aws/sagemaker@eu-west-1, n on aws/eks."
    for model, held in gateway.held.items():
        for target, upstream in held.items():
            assert upstream.target == target
            assert upstream.credential != before[model][target].credential
    assert tick(gateway, targets) == "Renewed: m on aws/sagemaker@eu-west-1."


def test_credentials_of_target_not_enabled_are_named(gateway: MemoryGateway, targets: Adapters) -> None:
    expire(gateway, targets, NEAR_SECONDS + 60)
    del targets[AWS]
    message = tick(gateway, targets)
    assert "Renewed: m on gcp/cloud-run, m on azure/ml." in message
    assert "Not renewed: m on aws/sagemaker: aws/sagemaker is not enabled." in message


def test_credentials_of_a_model_elsewhere_wait_for_its_location(gateway: MemoryGateway, targets: Adapters) -> None:
    expire(gateway, targets, MARGIN_SECONDS * FOREIGN_SHARE + 60)
    assert tick(gateway, targets, models=()) == "No credential expires soon."
    expire(gateway, targets, MARGIN_SECONDS * FOREIGN_SHARE - 60)  # not renewed: it may be of no location
    assert tick(gateway, targets, models=()).startswith("Renewed: m on aws/sagemaker, ")


@pytest.mark.parametrize("seconds", [NEAR_SECONDS - 60, 60])
def test_credentials_of_a_model_elsewhere_fail_the_tick_last(
    gateway: MemoryGateway, targets: Adapters, seconds: float
) -> None:
    expire(gateway, targets, seconds)
    targets[AWS].gone = True
    if seconds > NEAR_SECONDS * FOREIGN_SHARE:
        assert "Not renewed: m on aws/sagemaker" in tick(gateway, targets, models=())
    else:
        with pytest.raises(IntermodalError, match="expire soon"):
            tick(gateway, targets, models=())
