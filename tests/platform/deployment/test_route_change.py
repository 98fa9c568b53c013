"""A rollback publishes the previous route again with the targets that can still serve it."""

import logging
from dataclasses import replace

import pytest

from intermodal.platform.deployment.route_change import roll_back
from intermodal.platform.errors import Unavailable
from intermodal.platform.ports.endpoints import Endpoint, endpoint_name
from intermodal.platform.ports.gateway import Route
from intermodal.platform.targets import Target
from tests.memory import MemoryGateway, MemoryStore, MemoryTarget, MemoryTargets
from tests.targets import AWS, AZURE, GCP

LOG = logging.getLogger(__name__)
NAME = endpoint_name("m", "1.0.0", "sandbox")
OLD = Route("m", "1.0.0", {AWS: 50, GCP: 50, AZURE: 0}, {}, "{}")


def target_that_serves(target: Target) -> MemoryTarget:
    adapter = MemoryTarget(target, MemoryStore(target.site))
    adapter.endpoints[NAME] = Endpoint(target, NAME, "m", "1.0.0", "https://x", "ready")
    return adapter


def test_roll_back_restores_the_previous_route() -> None:
    adapters, gateway = [target_that_serves(target) for target in (AWS, GCP)], MemoryGateway([])
    roll_back(gateway, MemoryTargets.of(adapters), OLD, "sandbox", (), LOG)
    assert gateway.route("m") == OLD
    assert set(gateway.addresses("m")) == {AWS, GCP}


def test_roll_back_leaves_out_a_target_that_is_not_enabled_any_more() -> None:
    gateway = MemoryGateway([])
    roll_back(gateway, MemoryTargets.of([target_that_serves(GCP)]), OLD, "sandbox", (), LOG)
    restored = gateway.route("m")
    assert restored is not None
    assert restored.weights == {GCP: 50, AZURE: 0}


def test_roll_back_without_a_target_that_serves_leaves_the_new_route() -> None:
    gateway = MemoryGateway([])
    with pytest.raises(Unavailable, match=r"No target can serve m 1\.0\.0 again"):
        roll_back(gateway, MemoryTargets.of([target_that_serves(GCP)]), OLD, "sandbox", [GCP], LOG)
    assert gateway.route("m") is None


def test_roll_back_leaves_out_a_target_of_another_digest() -> None:
    """Its endpoint has the previous number, but serves other bytes. One without a digest is of an earlier release."""
    adapters, gateway = [target_that_serves(target) for target in (AWS, GCP)], MemoryGateway([])
    adapters[0].endpoints[NAME] = replace(adapters[0].endpoints[NAME], digest="b" * 64)
    roll_back(gateway, MemoryTargets.of(adapters), replace(OLD, digest="a" * 64), "sandbox", (), LOG)
    assert set(gateway.addresses("m")) == {GCP}
