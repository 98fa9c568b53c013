"""What serves where, of many models and a target that does not answer."""

import threading
from collections.abc import Callable

import pytest

from intermodal.platform.errors import Unavailable
from intermodal.platform.monitoring import status
from intermodal.platform.ports.endpoints import Endpoint
from intermodal.platform.ports.gateway import Route
from tests.memory import MemoryGateway, MemoryStore, MemoryTarget, MemoryTargets
from tests.targets import AWS


class Slow(MemoryTarget):
    """A target whose every call waits for a given time, and then does not answer."""

    def __init__(self, wait: Callable[[], object]) -> None:
        super().__init__(AWS, MemoryStore(AWS.site))
        self.wait = wait

    def describe(self, name: str) -> Endpoint | None:
        self.wait()
        raise Unavailable(f"no answer about {name}")


def routed(adapter: MemoryTarget, models: int) -> MemoryGateway:
    gateway = MemoryGateway([adapter])
    for number in range(models):
        gateway.publish(Route(f"m{number}", "1.0.0", {AWS: 1}, {}, "{}"), [])
    return gateway


def test_statuses_do_not_wait_for_targets_of_other_models() -> None:
    together = threading.Barrier(4)
    adapter = Slow(lambda: together.wait(timeout=30))
    found = status.statuses(routed(adapter, 4), MemoryTargets.of([adapter]), "sandbox")
    assert list(found) == ["m0", "m1", "m2", "m3"]
    assert {served.state for model in found.values() for served in model.endpoints} == {"unreachable"}


def test_statuses_without_routes_call_no_target() -> None:
    adapter = Slow(lambda: pytest.fail("called"))
    assert status.statuses(routed(adapter, 0), MemoryTargets.of([adapter]), "sandbox") == {}
