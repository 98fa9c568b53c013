"""What ``status`` shows, and what it says of who is silent."""

import json
import time
from pathlib import Path

import pytest

from intermodal.assets.deployment.endpoint import COLD
from intermodal.cli.dagster_status import watched
from intermodal.cli.diagnostics import troubles
from intermodal.platform.monitoring.status import ModelStatus
from intermodal.sandbox.settings import free_port
from tests.cli.run import run


def test_status_of_nothing_says_what_to_try(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    result = run(monkeypatch, "status", INTERMODAL_HOME=str(tmp_path))
    assert result.exit_code == 0
    assert "intermodal up" in result.output


@pytest.mark.usefixtures("incidents")
@pytest.mark.parametrize("command", [("status",), ("incident", "list")])
def test_open_incidents_are_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: tuple[str, ...]) -> None:
    shown = run(monkeypatch, *command, INTERMODAL_HOME=str(tmp_path), COLUMNS="200").output
    assert "m-aws-1700000000" in shown
    assert "2023-11-14 22:13:20" in shown
    assert "no traffic to [aws]" in shown
    assert "gcp-1600000000" not in shown


@pytest.mark.usefixtures("incidents")
def test_programs_get_the_open_incidents_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (found,) = json.loads(run(monkeypatch, "status", "--json", INTERMODAL_HOME=str(tmp_path)).output)["incidents"]
    assert (found["id"], found["entries"][-1]["step"]) == ("m-aws-1700000000", "drained")


def test_status_does_without_the_address_of_mlflow(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from intermodal.sandbox.local.services import variables
    from intermodal.sandbox.settings import Settings

    known = variables(Settings.read({"INTERMODAL_HOME": str(tmp_path)}))
    known = {k: v for k, v in known.items() if k not in ("INTERMODAL_MLFLOW_URL", "INTERMODAL_UI_URL")}
    result = run(monkeypatch, "status", **{**known, "INTERMODAL_ENV": "staging"})
    assert result.exit_code == 0, result.output
    assert "MLflow" not in result.output


def test_who_does_not_answer_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    said = " ".join(troubles(url, url, url))
    assert all(words in said for words in ("no model can be asked", "nothing is watched", "nothing can be trained"))
    monkeypatch.setattr("intermodal.cli.diagnostics._answers", lambda _: True)
    monkeypatch.setattr("intermodal.resources.dagster_client.jobs", lambda _: [])
    assert "has not loaded the definitions" in " ".join(troubles(url, url, url))
    monkeypatch.setattr("intermodal.resources.dagster_client.jobs", lambda _: ["deploy_m"])
    for heard, words in {time.time() - 200: "for 3 min", None: "since it was installed"}.items():
        monkeypatch.setattr("intermodal.resources.dagster_client.heard_of", lambda _, heard=heard: heard)
        (said_of_daemon,) = troubles(url, url, url)
        assert words in said_of_daemon
    monkeypatch.setattr("intermodal.resources.dagster_client.heard_of", lambda _: time.time() - 40)
    assert troubles(url, url, url) == []
    assert troubles("", "", "") == []


def test_what_only_dagster_knows_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {
        ("m", "drift"): {"version": "1.0.0", "state": "drifted"},
        ("m", "endpoint", "azure"): {"version": "1.0.0", "state": COLD},
        ("replaced", "drift"): {"version": "1.0.0", "state": "drifted"},
    }
    monkeypatch.setattr("intermodal.resources.dagster_client.metadata", lambda _, key, __: asked.get(tuple(key), {}))
    route = {"aws": 50, "gcp": 50}
    models = {"m": ModelStatus("1.0.0", route, ()), "replaced": ModelStatus("1.1.0", route, ())}
    monkeypatch.setattr(
        "intermodal.resources.dagster_client.failed",
        lambda _, model, jobs, __: "run-1" if f"retrain_{model}" == jobs[-1] else "",
    )
    found, said = watched("http://someone:secret@ui", {"m": models["m"]})
    assert said == [
        "The last deployment of m failed, and what served goes on. See http://ui/runs/run-1",
        "The data of m 1.0.0 has drifted. See http://ui/assets/m/drift",
    ]
    monkeypatch.setattr("intermodal.resources.dagster_client.failed", lambda *_: "")
    found, said = watched("http://someone:secret@ui", models)
    assert said == ["The data of m 1.0.0 has drifted. See http://ui/assets/m/drift"]
    (cold,) = found["m"].endpoints
    assert (cold.cloud, cold.target, cold.version, cold.state) == ("azure", "azure/ml", "1.0.0", "cold")
    assert list(found["replaced"].endpoints) == []
