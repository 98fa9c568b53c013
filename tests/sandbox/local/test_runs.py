"""The models that can be trained are listed by Dagster, once it has loaded the definitions of the project."""

import json
from pathlib import Path
from typing import Any

import pytest

from intermodal.assets.specs import SPEC
from intermodal.platform.errors import IntermodalError
from intermodal.resources.dagster_client import Location
from intermodal.sandbox.local import runs
from intermodal.sandbox.settings import Ports, Settings

LOCATIONS = "intermodal.resources.dagster_client.locations"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path, Ports())


def shop(*jobs: str, loading: bool = False, error: str = "") -> Location:
    return Location("shop", loading, error, jobs)


def test_models_of_a_location_that_loads_are_waited_for(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [
        [],
        [shop(loading=True)],
        [shop("train_wine", "train_and_deploy_wine", "train_and_deploy_a", "withdraw")],
    ]
    monkeypatch.setattr(LOCATIONS, lambda _: answers.pop(0))
    monkeypatch.setattr(runs.time, "sleep", lambda _: None)
    assert runs.models(settings) == ["a", "wine"]


@pytest.mark.parametrize(
    ("found", "words"), [([shop(error="No module named 'pandaz'")], "pandaz"), ([], "did not load"), (None, "did not")]
)
def test_models_of_definitions_that_do_not_load_are_an_error(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, found: Any, words: str
) -> None:
    monkeypatch.setattr(LOCATIONS, lambda _: [shop(loading=True)] if found is None else found)
    with pytest.raises(IntermodalError, match=words) as failure:
        runs.models(settings, seconds=0.1)
    assert failure.value.hint


def test_spec_of_a_model_is_read_from_its_route(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    known = {("wine", "route"): {SPEC: json.dumps({"name": "wine"})}}
    name = "intermodal.resources.dagster_client.definition_metadata"
    monkeypatch.setattr(name, lambda _, key: known.get(tuple(key), {}))
    assert runs.spec(settings, "wine") == {"name": "wine"}
    with pytest.raises(IntermodalError, match="no spec of other"):
        runs.spec(settings, "other")
