"""Evidently's page of drift: drawn beside the version, once an hour or when the decision changes."""

import time
from importlib import import_module
from types import SimpleNamespace

import pytest

from intermodal.platform.monitoring.drift import DriftVerdict
from tests.assets.conftest import World
from tests.assets.monitoring.watching_world import log_predictions, look


def test_report_attaches_a_page_to_the_version(deployed: World) -> None:
    log_predictions(deployed, 1200, shift=3)
    found = look(deployed, "drift", "drift_report")
    (page,) = deployed.registry.attached.values()
    assert found["report"].startswith("http://registry.example/wine/1.0.0/drift/")
    assert b"1.0.0: training and current rows" in page


def test_report_is_drawn_again_after_an_hour_or_another_decision(
    deployed: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[bytes] = []
    monkeypatch.setattr(deployed.registry, "attach", lambda *given: drawn.append(given[-1]) or "http://page")
    clock = SimpleNamespace(now=time.time(), time=lambda: clock.now)
    monkeypatch.setattr(import_module("intermodal.assets.monitoring.drift_report"), "time", clock)

    log_predictions(deployed, 1200)

    def pages(state: str) -> int:
        verdict = DriftVerdict(state, 0.0, (), ())  # type: ignore[arg-type]
        monkeypatch.setattr(import_module("intermodal.assets.monitoring.drift"), "judge", lambda *_: verdict)
        assert look(deployed, "drift", "drift_report")["report"] == "http://page"
        return len(drawn)

    assert [pages("none"), pages("none"), pages("drifted"), pages("drifted")] == [1, 1, 2, 2]
    clock.now += 3600
    assert pages("drifted") == 3
