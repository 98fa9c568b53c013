"""A model is evaluated after enough requests, and the tick's message has the number that is missing."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module
from types import SimpleNamespace

import dagster as dg
import pytest

from intermodal.platform.errors import Unavailable
from intermodal.platform.ports.gateway import Totals
from intermodal.sensors.traffic import QUIET_SECONDS, traffic
from tests.sensors.support import Ticks, jobs, routes, spec

MODELS = ("a", "b")
module = import_module("intermodal.sensors.traffic")


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


def test_message_has_the_number_of_missing_requests(tick: Ticks, gateway: Counting) -> None:
    gateway.requests = {"a": 40, "b": 99}
    assert "b 99 of 100 requests, a 40 of 100 requests" in tick()
    assert not tick.requests


def test_model_is_evaluated_once_for_its_number_of_requests(tick: Ticks, gateway: Counting) -> None:
    gateway.requests = {"a": 100, "b": 10}
    tick()
    assert [request.job_name for request in tick.requests] == ["watch_a"]
    assert "b 10 of 100 requests, a 0 of 100 requests" in tick()


def test_counters_that_begin_anew_are_no_traffic_undone(tick: Ticks, gateway: Counting) -> None:
    gateway.requests = {"a": 500}
    tick()
    gateway.requests = {"a": 30}  # the gateway was started anew
    assert "a 30 of 100 requests" in tick()


def test_silent_gateway_is_in_the_message(tick: Ticks, gateway: Counting) -> None:
    gateway.requests = None
    assert tick() == "Envoy does not answer."


def looked_at(tick: Ticks) -> list[str]:
    return [str(request.job_name) for request in tick.requests]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    clock = SimpleNamespace(now=1_795_000_000.0)
    clock.time = lambda: clock.now
    monkeypatch.setattr(module, "time", clock)
    return clock


def test_quiet_model_is_evaluated_each_quarter_of_an_hour(
    tick: Ticks, gateway: Counting, clock: SimpleNamespace
) -> None:
    gateway.requests = {"a": 1}
    for later in (0.0, QUIET_SECONDS - 1):
        clock.now += later
        tick()
        assert not tick.requests
    clock.now += 1
    tick()
    assert looked_at(tick) == ["watch_a"]  # and not b, which had no request
    clock.now += 10 * QUIET_SECONDS
    assert "a 0 of 100 requests" in tick()
    gateway.requests = {"a": 2}
    tick()
    assert looked_at(tick) == ["watch_a"]


def test_many_requests_are_a_look_that_counts_for_the_quiet_ones(
    tick: Ticks, gateway: Counting, clock: SimpleNamespace
) -> None:
    gateway.requests = {"a": 1}
    tick()
    clock.now += QUIET_SECONDS - 1
    gateway.requests = {"a": 100}
    tick()
    assert looked_at(tick) == ["watch_a"]
    clock.now += 1
    gateway.requests = {"a": 101}
    assert "a 1 of 100 requests" in tick()


def test_quiet_model_with_an_unfinished_run_waits(tick: Ticks, gateway: Counting, clock: SimpleNamespace) -> None:
    for count in (1, 2, 3):
        gateway.requests = {"a": count}
        tick()
        clock.now += QUIET_SECONDS
        if count == 2:
            run = tick.run(tick.requests[0], dg.DagsterRunStatus.STARTED)
    assert not tick.requests
    tick.instance.report_run_canceled(run)
    tick()
    assert looked_at(tick) == ["watch_a"]


def test_quiet_models_are_evaluated_a_few_at_a_time_longest_first(
    tick: Ticks, gateway: Counting, clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_QUIET_RUNS", 1)
    gateway.requests = {"b": 1}
    tick()
    clock.now += 1
    gateway.requests = {"a": 1, "b": 1}
    tick()
    clock.now += QUIET_SECONDS
    tick()
    assert looked_at(tick) == ["watch_b"]
    run = tick.run(tick.requests[0], dg.DagsterRunStatus.STARTED)
    tick()
    assert not tick.requests
    tick.instance.report_run_canceled(run)
    tick()
    assert looked_at(tick) == ["watch_a"]


def test_busy_models_keep_no_quiet_one_waiting(
    tick: Ticks, gateway: Counting, clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_QUIET_RUNS", 1)
    gateway.requests = {"b": 1}
    tick()
    gateway.requests = {"a": 1_000_000, "b": 1}
    tick()
    assert looked_at(tick) == ["watch_a"]
    tick.run(tick.requests[0], dg.DagsterRunStatus.STARTED)
    clock.now += QUIET_SECONDS
    tick()
    assert looked_at(tick) == ["watch_b"]


@pytest.mark.parametrize("cursor", ['{"a": 40}', "{", '{"a": [1]}', '{"a": "x"}'])
def test_old_or_damaged_cursor_delays_nothing(
    tick: Ticks, gateway: Counting, clock: SimpleNamespace, cursor: str
) -> None:
    gateway.requests, tick.cursor = {"a": 50}, cursor
    assert f"a {10 if '40' in cursor else 50} of 100 requests" in tick()
    clock.now += QUIET_SECONDS
    tick()
    assert looked_at(tick) == ["watch_a"]
