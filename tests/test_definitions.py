"""The definitions as a whole: what they hold, and that every spec is sound."""

import json
import shutil
from pathlib import Path

import pytest

from intermodal import models
from intermodal.definitions import load
from tests import snapshot
from tests.bench.orchestration.projects import PYPROJECT


def test_the_definitions_are_as_written_down() -> None:
    """When this is meant to change: ``python -m tests.snapshot``."""
    assert snapshot.take() == json.loads(snapshot.PATH.read_text(encoding="utf-8"))


def test_no_asset_has_a_condition_of_its_own() -> None:
    """Dagster evaluates them for 23 s a tick at 1,000 models (docs/adr/0027)."""
    assert {asset["automation"] for asset in snapshot.take()["assets"].values()} == {None}


def test_everything_has_an_owner_a_group_a_description_and_kinds() -> None:
    for name, asset in snapshot.take()["assets"].items():
        assert asset["owners"], name
        assert asset["group"], name
        assert asset["description"], name
        assert asset["kinds"], name


def test_a_project_whose_last_model_was_withdrawn_still_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "no_models"
    package.mkdir()
    shutil.copy(Path(models.__file__), package)
    (tmp_path / "pyproject.toml").write_text(PYPROJECT.format(package=package.name))
    monkeypatch.syspath_prepend(tmp_path)
    assert "withdraw" in {job.name for job in load(tmp_path).get_repository_def().get_all_jobs()}
