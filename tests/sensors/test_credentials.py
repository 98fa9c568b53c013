"""The sensor that renews the gateway's credentials before they expire."""

import time

import dagster as dg
import pytest

from intermodal.assets.resources import target_key
from intermodal.platform.clouds import TARGETS
from intermodal.platform.endpoints import Endpoint
from intermodal.platform.routing import Route, even_weights
from intermodal.sensors.credentials import gateway_credentials
from tests.memory import MemoryDeployment, MemoryGateway, MemoryStore, MemoryTarget


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
    targets["aws"].gone = True
    said = tick(gateway, targets)
    assert said.startswith("Renewed: m on gcp. Not renewed: m on aws: aws does not answer.")


def test_an_endpoint_that_is_gone_is_named(gateway: MemoryGateway, targets: dict[str, MemoryTarget]) -> None:
    targets["gcp"].endpoints.clear()
    assert "m on gcp: its endpoint is gone" in tick(gateway, targets)
