"""A registry that does not answer delays no tick, and has one call at a time."""

from threading import Event
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

from intermodal.platform.errors import Unavailable
from intermodal.platform.ports.registry import Identity
from intermodal.sensors.toolkit import champions as registry


class Slow:
    def __init__(self) -> None:
        self.calls, self.back = 0, Event()

    def champions(self) -> dict[str, Identity]:
        self.calls += 1
        self.back.wait(30)
        return {"m": Identity(f"{self.calls}.0.0")}


def test_registry_that_hangs_has_one_call_whose_result_is_used_later(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Slow()
    context: Any = dg.build_sensor_context(resources={"registry": slow})
    with monkeypatch.context() as patch:
        patch.setattr(registry, "REGISTRY_SECONDS", 0.01)
        for _ in range(3):
            with pytest.raises(Unavailable, match=r"no answer within 0\.01 s"):
                registry.champions(context, "deployments", 60.0)
    slow.back.set()
    assert registry.champions(context, "deployments", 60.0) == {"m": Identity("1.0.0")}
    assert registry.champions(context, "deployments", 60.0) == {"m": Identity("2.0.0")}


def test_result_of_an_old_call_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    slow, clock = Slow(), SimpleNamespace(monotonic=lambda: 0.0)
    context: Any = dg.build_sensor_context(resources={"registry": slow})
    monkeypatch.setattr(registry, "time", clock)
    with monkeypatch.context() as patch:
        patch.setattr(registry, "REGISTRY_SECONDS", 0.01)
        with pytest.raises(Unavailable):
            registry.champions(context, "deployments", 60.0)
    clock.monotonic = lambda: 61.0
    slow.back.set()
    with pytest.raises(Unavailable, match="too late"):
        registry.champions(context, "deployments", 60.0)
    assert registry.champions(context, "deployments", 60.0) == {"m": Identity("2.0.0")}


def test_each_sensor_has_a_question_of_its_own() -> None:
    slow = Slow()
    slow.back.set()
    context: Any = dg.build_sensor_context(resources={"registry": slow})
    assert registry.champions(context, "deployments", 60.0) != registry.champions(context, "staleness", 60.0)
