"""``up`` does what is missing, and the demo ends with how it went."""

from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import Result

from intermodal.sandbox.local.demo import Outcome
from tests.cli.run import run


@pytest.mark.parametrize(
    ("models", "incidents", "done"),
    [
        ({}, [], "train_and_deploy"),
        ({"flight_delay"}, [], "deploy"),
        ({"flight_delay"}, ["flight_delay"], ""),
        ({"flight_delay"}, ["other"], "deploy"),
    ],
)
def test_up_trains_only_what_was_never_deployed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, models: Any, incidents: list[str], done: str
) -> None:
    launched: list[str] = []
    known = [SimpleNamespace(model=model) for model in incidents]
    seen = SimpleNamespace(models=models, incidents=known, serves_everywhere=lambda _: bool(launched))
    monkeypatch.setattr("intermodal.sandbox.local.up.start", lambda *_: None)
    monkeypatch.setattr("intermodal.sandbox.local.up.deploy", lambda *_: launched.append("deploy"))
    monkeypatch.setattr("intermodal.sandbox.local.up.train_and_deploy", lambda *_: launched.append("train_and_deploy"))
    monkeypatch.setattr("intermodal.sandbox.local.up.Phases.save", lambda *_: None)
    module = import_module("intermodal.cli.up")
    monkeypatch.setattr(module, "read_status", lambda: seen)
    monkeypatch.setattr(module, "show", lambda *_, **__: None)
    monkeypatch.setenv("INTERMODAL_HOME", str(tmp_path))
    module._start()
    assert launched == [done] * bool(done)


def demo(monkeypatch: pytest.MonkeyPatch, home: Path, outcome: Outcome) -> Result:
    """The command, where everything was started and the story went so."""
    monkeypatch.setattr(import_module("intermodal.cli.up"), "_start", lambda: None)
    monkeypatch.setattr("intermodal.sandbox.local.demo.play", lambda *_: outcome)
    return run(monkeypatch, "demo", INTERMODAL_HOME=str(home))


LATE = {"aws killed → drained at the gateway": 0.44, "drift found → retrained version on all targets": 12.0}


def test_demo_without_failures_ends_with_no_failed_request(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    result = demo(monkeypatch, tmp_path, Outcome("# A day", LATE, requests=20_000, failed=0, missing=""))
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[-2:] == ["requests: 20000", "failed requests: 0"]
    assert {"aws killed → drained at the gateway: 0.4 s", "drift found → retrained version on all targets: 12.0 s"} <= {
        line.strip() for line in lines
    }
    assert "error" not in result.output
    assert (tmp_path / "demo.md").read_text() == "# A day"


@pytest.mark.parametrize(
    ("failed", "missing", "line"),
    [
        (1, "", "failed requests: 1"),
        (0, "Not within 180 s: drift is found.", "error: Not within 180 s: drift is found."),
        (7, "Not within 30 s: [aws] answers again.", "error: Not within 30 s: [aws] answers again."),
    ],
)
def test_demo_with_a_failed_request_or_missing_reaction_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, failed: int, missing: str, line: str
) -> None:
    result = demo(monkeypatch, tmp_path, Outcome("# A day", {}, requests=20_000, failed=failed, missing=missing))
    assert result.exit_code == 1
    assert line in result.output.splitlines()
    assert result.stdout.splitlines()[-1] == f"failed requests: {failed}"
    assert (tmp_path / "demo.md").exists()  # what happened is kept all the more


def test_demo_in_a_used_home_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "gateway").mkdir()
    result = demo(monkeypatch, tmp_path, Outcome("", {}, requests=0, failed=0, missing=""))
    assert result.exit_code == 1
    assert "the demo needs an empty one" in " ".join(result.output.split())
    assert not (tmp_path / "demo.md").exists()
