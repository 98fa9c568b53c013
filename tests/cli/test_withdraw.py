"""A model is withdrawn once somebody agrees."""

from pathlib import Path

import pytest

from tests.cli.run import run


def test_withdraw_with_consent_launches_a_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    launched: list[tuple[object, ...]] = []

    def launch(*given: object) -> str:
        launched.append(given)
        return "run-1"

    monkeypatch.setattr("intermodal.resources.dagster_client.launch", launch)
    monkeypatch.setattr("intermodal.resources.dagster_client.wait", lambda *_: None)
    refused = run(monkeypatch, "withdraw", "gone", INTERMODAL_HOME=str(tmp_path))  # nobody says yes
    assert (refused.exit_code, launched) == (1, [])
    assert "The gateway serves no model 'gone' (it serves: none)" in " ".join(refused.output.split())
    done = run(monkeypatch, "withdraw", "gone", "--yes", INTERMODAL_HOME=str(tmp_path))
    assert "Nothing serves gone any more" in done.output
    ((_, job, tags, config, _),) = launched
    assert (job, tags) == ("withdraw", {"model": "gone"})
    assert config == {"ops": {"withdraw_model": {"config": {"model": "gone"}}}}


@pytest.mark.parametrize("name", ["", "flight_delay,"])
def test_withdraw_of_an_invalid_name_launches_nothing(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr("intermodal.resources.dagster_client.launch", lambda *_: pytest.fail("it was launched"))
    result = run(monkeypatch, "withdraw", name, "--yes")
    assert (result.exit_code, "is not a model name" in result.output) == (1, True)
