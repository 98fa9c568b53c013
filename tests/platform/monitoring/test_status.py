"""What serves where, of many models and a cloud that does not answer."""

import threading
from collections.abc import Callable

import pytest

from intermodal.platform.errors import Unavailable
from intermodal.platform.monitoring import status
from intermodal.platform.ports.endpoints import Endpoint
from intermodal.platform.ports.gateway import Route
from intermodal.platform.targets import TARGETS
from tests.memory import MemoryGateway, MemoryStore, MemoryTarget

AWS = TARGETS[0]


class Slow(MemoryTarget):
    """A cloud whose every call waits as it is told, and then does not answer."""

    def __init__(self, wait: Callable[[], object]) -> None:
        super().__init__(AWS, MemoryStore(AWS.cloud))
        self.wait = wait

    def describe(self, name: str) -> Endpoint | None:
        self.wait()
        raise Unavailable(f"no answer about {name}")


def routed(place: MemoryTarget, models: int) -> MemoryGateway:
    gateway = MemoryGateway([place])
    for number in range(models):
        gateway.publish(Route(f"m{number}", "1.0.0", {AWS.cloud: 1}, {}, "{}"), [])
    return gateway


def test_no_model_waits_for_another_ones_cloud() -> None:
    together = threading.Barrier(4)
    place = Slow(lambda: together.wait(timeout=30))
    found = status.statuses(routed(place, 4), [place], "sandbox")
    assert list(found) == ["m0", "m1", "m2", "m3"]
    assert {served.state for model in found.values() for served in model.endpoints} == {"unreachable"}


def test_without_routes_nobody_is_asked() -> None:
    place = Slow(lambda: pytest.fail("asked"))
    assert status.statuses(routed(place, 0), [place], "sandbox") == {}
