"""A model is looked at when enough was asked of it, and the tick says how much that is."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import dagster as dg
import pytest

from intermodal.platform.drills import Totals
from intermodal.platform.errors import Unavailable
from intermodal.sensors.traffic import traffic
from tests.sensors.support import Ticks, jobs, routes, spec

MODELS = ("a", "b")


@dataclass
class Counting:
    """The gateway's counters; None: it does not answer."""

    requests: dict[str, int] | None = field(default_factory=dict)

    def totals(self) -> dict[str, Totals]:
        if self.requests is None:
            raise Unavailable("Envoy does not answer.")
        return {name: Totals(requests=count) for name, count in self.requests.items()}


@pytest.fixture
def gateway() -> Counting:
    return Counting()


@pytest.fixture
def tick(gateway: Counting) -> Iterator[Ticks]:
    looks = jobs(MODELS, "watch_")
    with dg.DagsterInstance.ephemeral() as instance:
        assets = routes([spec(name, drift={"rows": 100, "min_rows": 10}) for name in MODELS])
        yield Ticks(traffic(looks), {"gateway": gateway}, instance, assets=assets, jobs=looks)


def test_it_says_how_much_is_missing(tick: Ticks, gateway: Counting) -> None:
    gateway.requests = {"a": 40, "b": 99}
    assert "b 99 of 100 requests, a 40 of 100 requests" in tick()
    assert not tick.requests


def test_a_model_is_looked_at_once_for_so_many_requests(tick: Ticks, gateway: Counting) -> None:
    gateway.requests = {"a": 100, "b": 10}
    tick()
    assert [request.job_name for request in tick.requests] == ["watch_a"]
    assert "b 10 of 100 requests, a 0 of 100 requests" in tick()


def test_counters_that_begin_anew_are_no_traffic_undone(tick: Ticks, gateway: Counting) -> None:
    gateway.requests = {"a": 500}
    tick()
    gateway.requests = {"a": 30}  # the gateway was started anew
    assert "a 30 of 100 requests" in tick()


def test_a_silent_gateway_is_said(tick: Ticks, gateway: Counting) -> None:
    gateway.requests = None
    assert tick() == "Envoy does not answer."
