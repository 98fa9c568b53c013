"""A model is withdrawn once a person agrees."""

from pathlib import Path

import pytest

from intermodal.resources.dagster_client import Location
from tests.cli.run import run


def test_withdraw_with_consent_launches_a_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    launched: list[tuple[object, ...]] = []

    def launch(*given: object) -> str:
        launched.append(given)
        return "run-1"

    monkeypatch.setattr("intermodal.resources.dagster_client.launch", launch)
    monkeypatch.setattr("intermodal.resources.dagster_client.wait", lambda *_: None)
    loaded = [Location("red", False, "", ("withdraw", "deploy_kept"))]
    monkeypatch.setattr("intermodal.resources.dagster_client.locations", lambda _: loaded)
    refused = run(monkeypatch, "withdraw", "gone", INTERMODAL_HOME=str(tmp_path))  # without a yes
    assert (refused.exit_code, launched) == (1, [])
    assert "The gateway serves no model 'gone' (it serves: none)" in " ".join(refused.output.split())
    done = run(monkeypatch, "withdraw", "gone", "--yes", INTERMODAL_HOME=str(tmp_path))
    assert "Nothing serves gone any more" in done.output
    ((_, job, tags, config, _),) = launched
    assert (job, tags) == ("withdraw", {"model": "gone"})
    assert config == {"ops": {"withdraw_model": {"config": {"model": "gone", "no_location_has_it": True}}}}


@pytest.mark.parametrize("name", ["", "flight_delay,"])
def test_withdraw_of_an_invalid_name_launches_nothing(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr("intermodal.resources.dagster_client.launch", lambda *_: pytest.fail("it was launched"))
    result = run(monkeypatch, "withdraw", name, "--yes")
    assert (result.exit_code, "is not a model name" in result.output) == (1, True)


@pytest.mark.parametrize(
    ("blue", "message"),
    [
        (Location("blue", False, "", ("withdraw", "deploy_gone")), "has a spec in the code location blue"),
        (Location("blue", False, "no such module", ()), "The code location blue is not loaded"),
        (Location("blue", True, "", ()), "The code location blue is not loaded"),
        (None, "Dagster does not answer"),
    ],
)
def test_withdraw_that_another_location_may_define_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, blue: Location | None, message: str
) -> None:
    found = [Location("red", False, "", ("withdraw", "deploy_kept")), blue] if blue else []
    monkeypatch.setattr("intermodal.resources.dagster_client.locations", lambda _: found)
    monkeypatch.setattr("intermodal.resources.dagster_client.launch", lambda *_: pytest.fail("it was launched"))
    result = run(monkeypatch, "withdraw", "gone", "--yes", INTERMODAL_HOME=str(tmp_path))
    assert (result.exit_code, message in " ".join(result.output.split())) == (1, True), result.output


def test_withdraw_of_a_model_whose_spec_does_not_load_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    client = "intermodal.resources.dagster_client"
    found = [Location("red", False, "", ("withdraw",), ("__repository__",))]
    monkeypatch.setattr(f"{client}.locations", lambda _: found)
    monkeypatch.setattr(f"{client}.group_metadata", lambda *_: {"gone": "defs.yaml:3: owner: Field required"})
    monkeypatch.setattr(f"{client}.launch", lambda *_: pytest.fail("it was launched"))
    result = run(monkeypatch, "withdraw", "gone", "--yes", INTERMODAL_HOME=str(tmp_path))
    assert (result.exit_code, "has a spec that does not load" in " ".join(result.output.split())) == (1, True)
