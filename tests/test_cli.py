"""What people are told when the environment is not as it should be; the rest is in test_end_to_end.py."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from intermodal.assets.endpoint import COLD
from intermodal.cli import ForPeople, main
from intermodal.cli.troubles import troubles
from intermodal.cli.watched import watched
from intermodal.platform.incidents import Entry, Incident
from intermodal.platform.status import ModelStatus
from intermodal.resources.incidents import JsonIncidents
from intermodal.sandbox.demo import Told
from intermodal.sandbox.settings import free_port


@pytest.fixture(autouse=True)
def _environment_as_it_was() -> Iterator[None]:
    """The command line sets what adapters read; other tests must not see it."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str, **environ: str) -> Result:
    for name in ("INTERMODAL_MLFLOW_URL", "INTERMODAL_GATEWAY_URL", "INTERMODAL_ENV"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    return CliRunner().invoke(main, list(arguments))


@pytest.mark.parametrize("command", [("up",), ("down",), ("demo",), ("sandbox", "up")])
def test_sandbox_commands_stay_in_the_sandbox(monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]) -> None:
    result = run(monkeypatch, *command, INTERMODAL_ENV="production")
    assert result.exit_code == 1
    assert "Unset INTERMODAL_ENV" in result.output


def test_an_unknown_environment_lists_the_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "sandbox, staging, production" in run(monkeypatch, "status", INTERMODAL_ENV="prod").output


def test_production_without_settings_names_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, "predict", "m", "--json", "{}", INTERMODAL_ENV="production")
    assert result.exit_code == 1
    assert "INTERMODAL_GATEWAY_URL" in result.output


def test_predict_without_a_gateway_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    result = run(monkeypatch, "predict", "m", "--json", "{}", INTERMODAL_HOME=str(tmp_path))
    assert result.exit_code == 1
    assert "serves no model 'm'" in result.output


def test_status_of_nothing_says_what_to_try(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    result = run(monkeypatch, "status", INTERMODAL_HOME=str(tmp_path))
    assert result.exit_code == 0
    assert "intermodal up" in result.output


@pytest.fixture
def incidents(tmp_path: Path) -> JsonIncidents:
    """Of the installation in ``tmp_path``: one is open, and one is over."""
    store = JsonIncidents(address=str(tmp_path / "incidents"))
    store.open(Incident("m-aws-1700000000", "m", "aws", 1_700_000_000))
    store.note("m-aws-1700000000", Entry(1_700_000_002, "detected", "0", "aws cannot serve m"))
    store.note("m-aws-1700000000", Entry(1_700_000_003, "drained", "0", "no traffic to [aws]"))
    store.open(Incident("m-gcp-1600000000", "m", "gcp", 1_600_000_000))
    store.close("m-gcp-1600000000", 1_600_000_009)
    return store


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
    from intermodal.sandbox.services import variables
    from intermodal.sandbox.settings import Settings

    known = variables(Settings.read({"INTERMODAL_HOME": str(tmp_path)}))
    known = {k: v for k, v in known.items() if k not in ("INTERMODAL_MLFLOW_URL", "INTERMODAL_UI_URL")}
    result = run(monkeypatch, "status", **{**known, "INTERMODAL_ENV": "staging"})
    assert result.exit_code == 0, result.output
    assert "MLflow" not in result.output


def test_an_incident_is_closed_by_hand_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, incidents: JsonIncidents
) -> None:
    close = ("incident", "close", "m-aws-1700000000", "--because")
    first = run(monkeypatch, *close, "m left [aws]", INTERMODAL_HOME=str(tmp_path))
    assert first.exit_code == 0
    assert "deploy_m" in first.output
    closed = incidents.get("m-aws-1700000000")
    assert closed is not None
    assert closed.closed_at is not None
    assert closed.last == "closed by hand: m left [aws]"
    again = run(monkeypatch, *close, "another reason", INTERMODAL_HOME=str(tmp_path))
    assert again.exit_code == 0
    assert "was closed already" in again.output
    assert incidents.get("m-aws-1700000000") == closed
    assert "No incident is open" in run(monkeypatch, "incident", "list", INTERMODAL_HOME=str(tmp_path)).output


@pytest.mark.usefixtures("incidents")
def test_an_unknown_incident_lists_the_open_ones(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    result = run(monkeypatch, "incident", "close", "m-aws-1", "--because", "x", INTERMODAL_HOME=str(tmp_path))
    assert result.exit_code == 1
    assert "There is no incident 'm-aws-1'. Open: m-aws-1700000000." in " ".join(result.output.split())


def test_ctrl_c_at_a_drill_ends_the_drill(monkeypatch: pytest.MonkeyPatch) -> None:
    stopped: list[str] = []

    def interrupted(*_: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("intermodal.resources.runs.launch", lambda *_, **__: "run-1")
    monkeypatch.setattr("intermodal.resources.runs.wait", interrupted)
    monkeypatch.setattr("intermodal.resources.runs.stop", lambda _, run_id: stopped.append(run_id))
    result = run(monkeypatch, "drill", "outage", "aws")
    assert result.exit_code == 1
    assert stopped == ["run-1"]


def test_a_drill_is_waited_for_as_long_as_it_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    found = {"passed": True, "reasons": "0 of 9 requests failed.", "requests": 9}
    monkeypatch.setattr("intermodal.resources.runs.launch", lambda *_, **__: "run-1")
    monkeypatch.setattr("intermodal.resources.runs.wait", lambda _url, _run, seconds: waited.append(seconds))
    monkeypatch.setattr("intermodal.resources.runs.metadata", lambda *_: found)
    assert run(monkeypatch, "drill", "brownout", "gcp", "--seconds", "1800").exit_code == 0
    assert waited == [2100]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("outage", "oracle"), "'aws', 'gcp', 'azure'"),
        (("flood", "aws"), "'outage', 'brownout', 'throttle', 'corrupt'"),
        (("--help",), "--model TEXT Whose requests"),
    ],
)
def test_a_drill_says_what_there_is(monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], words: str) -> None:
    assert words in " ".join(run(monkeypatch, "drill", *arguments).output.split())


def test_help_does_not_wait_for_what_it_does_not_need() -> None:
    code = "import sys, intermodal.cli; sys.exit(', '.join({'pydantic', 'dagster', 'httpx'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""


def test_a_webserver_that_dies_during_a_drill_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("intermodal.resources.runs.launch", lambda *_, **__: "run-1")
    port = str(free_port())
    result = run(monkeypatch, "drill", "outage", "aws", INTERMODAL_UI_PORT=port)
    assert result.exit_code == 1
    assert "Dagster does not say how run run-1 is going" in result.output
    assert f"http://127.0.0.1:{port}/runs/run-1" in result.output.replace("\n", "")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PermissionError(13, "Permission denied", "/x"), "Permission denied: /x. Is INTERMODAL_HOME yours"),
        (ConnectionResetError(104, "Connection reset by peer"), "ConnectionResetError: [Errno 104] Connection reset"),
        (OSError(28, "No space left on device"), "has the disk room?"),
    ],
)
def test_only_what_was_done_to_a_file_is_said_of_a_file(error: OSError, words: str) -> None:
    @click.group(cls=ForPeople)
    def group() -> None: ...

    @group.command()
    def fail() -> None:
        raise error

    result = CliRunner().invoke(group, ["fail"])
    assert result.exit_code == 1
    assert words in " ".join(result.output.split())
    assert "None" not in result.output


def test_a_model_is_withdrawn_by_a_run_once_somebody_agrees(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[tuple[object, ...]] = []

    def launch(*given: object) -> str:
        asked.append(given)
        return "run-1"

    monkeypatch.setattr("intermodal.resources.runs.launch", launch)
    monkeypatch.setattr("intermodal.resources.runs.wait", lambda *_: None)
    refused = run(monkeypatch, "withdraw", "gone", INTERMODAL_HOME=str(tmp_path))  # nobody says yes
    assert (refused.exit_code, asked) == (1, [])
    assert "The gateway serves no model 'gone' (it serves: none)" in " ".join(refused.output.split())
    done = run(monkeypatch, "withdraw", "gone", "--yes", INTERMODAL_HOME=str(tmp_path))
    assert "Nothing serves gone any more" in done.output
    ((_, job, tags, config, _),) = asked
    assert (job, tags) == ("withdraw", {"model": "gone"})
    assert config == {"ops": {"withdraw_model": {"config": {"model": "gone"}}}}


@pytest.mark.parametrize("option", [("--rate", "-5"), ("--rate", "0"), ("--seconds", "nan"), ("--seconds", "1e9")])
def test_a_drill_without_bounds_is_refused(monkeypatch: pytest.MonkeyPatch, option: tuple[str, str]) -> None:
    monkeypatch.setattr("intermodal.resources.runs.launch", lambda *_: pytest.fail("it was launched"))
    assert run(monkeypatch, "drill", "outage", "aws", *option).exit_code == 2


@pytest.mark.parametrize("name", ["", "flight_delay,"])
def test_nothing_is_withdrawn_by_what_is_no_name(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr("intermodal.resources.runs.launch", lambda *_: pytest.fail("it was launched"))
    result = run(monkeypatch, "withdraw", name, "--yes")
    assert (result.exit_code, "is no model's name" in result.output) == (1, True)


def test_who_does_not_answer_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    said = " ".join(troubles(url, url, url))
    assert all(words in said for words in ("no model can be asked", "nothing is watched", "nothing can be trained"))
    monkeypatch.setattr("intermodal.cli.troubles._answers", lambda _: True)
    monkeypatch.setattr("intermodal.resources.runs.jobs", lambda _: [])
    assert "has not loaded the definitions" in " ".join(troubles(url, url, url))
    monkeypatch.setattr("intermodal.resources.runs.jobs", lambda _: ["deploy_m"])
    for heard, words in {time.time() - 200: "for 3 min", None: "since it was installed"}.items():
        monkeypatch.setattr("intermodal.resources.runs.heard_of", lambda _, heard=heard: heard)
        (said_of_daemon,) = troubles(url, url, url)
        assert words in said_of_daemon
    monkeypatch.setattr("intermodal.resources.runs.heard_of", lambda _: time.time() - 40)
    assert troubles(url, url, url) == []
    assert troubles("", "", "") == []


def test_what_only_dagster_knows_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {
        ("m", "drift"): {"version": "1.0.0", "state": "drifted"},
        ("m", "endpoint", "azure"): {"version": "1.0.0", "state": COLD},
        ("replaced", "drift"): {"version": "1.0.0", "state": "drifted"},
    }
    monkeypatch.setattr("intermodal.resources.runs.metadata", lambda _, key, __: asked.get(tuple(key), {}))
    route = {"aws": 50, "gcp": 50}
    models = {"m": ModelStatus("1.0.0", route, ()), "replaced": ModelStatus("1.1.0", route, ())}
    found, drifted = watched("http://someone:secret@ui", models)
    assert drifted == ["The data of m 1.0.0 has drifted. See http://ui/assets/m/drift"]
    (cold,) = found["m"].endpoints
    assert (cold.cloud, cold.target, cold.version, cold.state) == ("azure", "azure/ml", "1.0.0", "cold")
    assert list(found["replaced"].endpoints) == []


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
    asked: list[str] = []
    known = [SimpleNamespace(model=model) for model in incidents]
    seen = SimpleNamespace(models=models, incidents=known, serves_everywhere=lambda _: bool(asked))
    monkeypatch.setattr("intermodal.sandbox.up.start", lambda *_: None)
    monkeypatch.setattr("intermodal.sandbox.up.deploy", lambda *_: asked.append("deploy"))
    monkeypatch.setattr("intermodal.sandbox.up.train_and_deploy", lambda *_: asked.append("train_and_deploy"))
    monkeypatch.setattr("intermodal.sandbox.up.Phases.save", lambda *_: None)
    module = import_module("intermodal.cli.up")
    monkeypatch.setattr(module, "read_status", lambda: seen)
    monkeypatch.setattr(module, "show", lambda _: None)
    monkeypatch.setenv("INTERMODAL_HOME", str(tmp_path))
    module._start()
    assert asked == [done] * bool(done)


def demo(monkeypatch: pytest.MonkeyPatch, home: Path, told: Told) -> Result:
    """The command, where everything was started and the story went as told."""
    monkeypatch.setattr(import_module("intermodal.cli.up"), "_start", lambda: None)
    monkeypatch.setattr("intermodal.sandbox.demo.play", lambda *_: told)
    return run(monkeypatch, "demo", INTERMODAL_HOME=str(home))


LATE = {"aws killed → drained at the gateway": 0.44, "drift found → retrained version on all clouds": 12.0}


def test_a_demo_that_went_well_ends_with_no_failed_request(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    result = demo(monkeypatch, tmp_path, Told("# A day", LATE, requests=20_000, failed=0, missing=""))
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[-2:] == ["requests: 20000", "failed requests: 0"]
    assert {"aws killed → drained at the gateway: 0.4 s", "drift found → retrained version on all clouds: 12.0 s"} <= {
        line.strip() for line in lines
    }
    assert "error" not in result.output
    assert (tmp_path / "demo.md").read_text() == "# A day"


@pytest.mark.parametrize(
    ("failed", "missing", "said"),
    [
        (1, "", "failed requests: 1"),
        (0, "Not within 180 s: drift is found.", "error: Not within 180 s: drift is found."),
        (7, "Not within 30 s: [aws] answers again.", "error: Not within 30 s: [aws] answers again."),
    ],
)
def test_a_demo_ends_in_failure_when_a_request_failed_or_a_reaction_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, failed: int, missing: str, said: str
) -> None:
    result = demo(monkeypatch, tmp_path, Told("# A day", {}, requests=20_000, failed=failed, missing=missing))
    assert result.exit_code == 1
    assert said in result.output.splitlines()
    assert result.stdout.splitlines()[-1] == f"failed requests: {failed}"
    assert (tmp_path / "demo.md").exists()  # what happened is kept all the more


def test_a_demo_wants_a_home_that_nobody_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "gateway").mkdir()
    result = demo(monkeypatch, tmp_path, Told("", {}, requests=0, failed=0, missing=""))
    assert result.exit_code == 1
    assert "the story begins with nothing" in " ".join(result.output.split())
    assert not (tmp_path / "demo.md").exists()
