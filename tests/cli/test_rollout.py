"""Rollouts in the terminal."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from intermodal.resources.storage.rollouts import JsonRollouts
from tests.cli.run import run
from tests.conformance.rollouts import ROLLOUT


@pytest.fixture
def rollouts(tmp_path: Path) -> JsonRollouts:
    """Of the installation in ``tmp_path``."""
    made = JsonRollouts(address=str(tmp_path / "incidents"))
    assert made.put(ROLLOUT, None)
    return made


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    found: list[tuple[object, ...]] = []

    def launch(*given: object) -> str:
        found.append(given)
        return "run-1"

    monkeypatch.setattr("intermodal.resources.dagster_client.launch", launch)
    monkeypatch.setattr("intermodal.resources.dagster_client.wait", lambda *_: None)
    return found


@pytest.mark.usefixtures("rollouts")
def test_rollout_status_has_its_history(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = run(monkeypatch, "rollout", "status", "flight_delay", INTERMODAL_HOME=str(tmp_path)).output
    assert "flight_delay 1.0.0 → 1.1.0: progressing, 5 % of requests" in text
    assert "paused" in text
    assert max(map(len, text.splitlines())) <= 80
    as_json = run(monkeypatch, "rollout", "status", "flight_delay", "--json", INTERMODAL_HOME=str(tmp_path)).output
    assert json.loads(as_json)["share"] == 5


def test_rollout_pause_and_resume_are_noted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, rollouts: JsonRollouts
) -> None:
    for command, phase in (("pause", "paused"), ("resume", "progressing")):
        assert run(monkeypatch, "rollout", command, "flight_delay", INTERMODAL_HOME=str(tmp_path)).exit_code == 0
        found = rollouts.get("flight_delay")
        assert found is not None
        assert (found.phase, bool(found.entries[-1].person)) == (phase, True)


def test_rollout_by_a_user_without_a_name_has_its_number(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, rollouts: JsonRollouts
) -> None:
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 65532")

    monkeypatch.setattr("getpass.getuser", nameless)
    assert run(monkeypatch, "rollout", "pause", "flight_delay", INTERMODAL_HOME=str(tmp_path)).exit_code == 0
    found = rollouts.get("flight_delay")
    assert found is not None
    assert found.entries[-1].person.startswith("uid ")


@pytest.mark.parametrize("command", ["promote", "abort"])
def test_rollout_end_that_a_person_wants_is_run(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    rollouts: JsonRollouts,
    launched: list[tuple[object, ...]],
    command: str,
) -> None:
    given = ("rollout", command, "flight_delay", "--because", "complaints")
    assert run(monkeypatch, *given, INTERMODAL_HOME=str(tmp_path)).exit_code == 0
    found = rollouts.get("flight_delay")
    assert found is not None
    assert (found.requested, "complaints" in found.entries[-1].text) == (command, True)
    assert [(job, tags) for _, job, tags, *_ in launched] == [("rollout_flight_delay", {"model": "flight_delay"})]


def test_rollout_retry_is_of_an_aborted_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, rollouts: JsonRollouts, launched: list[tuple[object, ...]]
) -> None:
    refused = run(monkeypatch, "rollout", "retry", "flight_delay", INTERMODAL_HOME=str(tmp_path))
    assert (refused.exit_code, launched) == (1, [])
    assert rollouts.put(replace(ROLLOUT, phase="aborted"), ROLLOUT)
    assert run(monkeypatch, "rollout", "pause", "flight_delay", INTERMODAL_HOME=str(tmp_path)).exit_code == 1
    assert run(monkeypatch, "rollout", "retry", "flight_delay", INTERMODAL_HOME=str(tmp_path)).exit_code == 0
    ((_, job, _, config, _),) = launched
    assert job == "deploy_flight_delay"
    assert config == {"ops": {"flight_delay__rollout": {"config": {"retry": True}}}}


@pytest.mark.usefixtures("rollouts")
def test_rollout_of_an_unknown_model_names_the_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    result = run(monkeypatch, "rollout", "status", "wine", INTERMODAL_HOME=str(tmp_path))
    assert result.exit_code == 1
    assert "'wine' has had no rollout" in result.output
    assert "flight_delay" in result.output
