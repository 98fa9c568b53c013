"""``up`` does what is missing, and the demo ends with how it went."""

from contextlib import nullcontext
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
from click.testing import Result

from intermodal.cli.init import write
from intermodal.platform.errors import IntermodalError
from intermodal.sandbox.local.demo import Outcome
from intermodal.sandbox.local.project import Project
from intermodal.sandbox.local.up import first_model, first_partitions
from intermodal.sandbox.settings import Settings
from tests.cli.run import run

PROJECT = Project.find(Path(__file__))


@pytest.mark.parametrize(
    ("models", "incidents", "done"),
    [
        ({}, [], "train_and_deploy"),
        ({"flight_delay"}, [], "deploy"),
        ({"flight_delay"}, ["flight_delay"], ""),
        ({"flight_delay"}, ["other"], "deploy"),
    ],
)
def test_up_deployed_before_trains_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, models: Any, incidents: list[str], done: str
) -> None:
    done_here: list[str] = []
    known = [SimpleNamespace(model=model) for model in incidents]
    seen = SimpleNamespace(models=models, incidents=known, serves_everywhere=lambda _: bool(done_here))
    monkeypatch.setattr("intermodal.sandbox.local.up.start", lambda *_: None)
    monkeypatch.setattr("intermodal.sandbox.local.up.deploy", lambda *_: done_here.append("deploy"))
    monkeypatch.setattr("intermodal.sandbox.local.up.train_and_deploy", lambda *_: done_here.append("train_and_deploy"))
    monkeypatch.setattr("intermodal.sandbox.local.runs.models", lambda _: ["another", "flight_delay"])
    monkeypatch.setattr("intermodal.sandbox.local.up.Phases.save", lambda *_: None)
    module = import_module("intermodal.cli.up")
    monkeypatch.setattr(module, "read_status", lambda: seen)
    monkeypatch.setattr(module, "show", lambda *_, **__: None)
    monkeypatch.setenv("INTERMODAL_HOME", str(tmp_path))
    module._start(PROJECT)
    assert done_here == [done] * bool(done)


@pytest.mark.parametrize(
    ("found", "served", "first"),
    [
        ([], {}, ""),
        (["a", "b"], {}, "a"),
        (["a", "b"], {"b", "gone"}, "b"),
        (["a", "flight_delay"], {"a"}, "flight_delay"),
    ],
)
def test_first_model_is_one_that_is_served_already(
    monkeypatch: pytest.MonkeyPatch, found: list[str], served: Any, first: str
) -> None:
    monkeypatch.setattr("intermodal.sandbox.local.runs.models", lambda _: found)
    assert first_model(Settings.read(), served) == first


@pytest.mark.parametrize(
    ("start", "window", "first", "last"),
    [("2013-01", 3, "2013-01-01", "2013-04-01"), ("2024-11", 2, "2024-11-01", "2025-01-01")],
)
def test_first_partitions_are_a_window_and_the_one_after_it(start: str, window: int, first: str, last: str) -> None:
    spec = {"data": {"partitions": {"monthly": {"start": start}}}, "train": {"window": window}}
    assert list(first_partitions(Settings.read(), spec).values()) == [first, last]


def test_first_partitions_of_added_keys_are_those_of_dagster(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = {"name": "m", "data": {"partitions": {"dynamic": True}}, "train": {"window": 2}}
    with dg.DagsterInstance.ephemeral() as instance:
        monkeypatch.setattr(dg.DagsterInstance, "from_config", lambda _: nullcontext(instance))
        instance.add_dynamic_partitions("m", ["second", "10"])
        with pytest.raises(IntermodalError, match="m has 2 dynamic partitions, and training needs 3") as caught:
            first_partitions(Settings.read(), spec)
        assert "Add" in caught.value.hint
        instance.add_dynamic_partitions("m", ["9"])
        assert list(first_partitions(Settings.read(), spec).values()) == ["second", "9"]


@pytest.mark.parametrize(("train", "done"), [(True, ["train_and_deploy"]), (False, [])])
def test_up_in_a_project_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, train: bool, done: list[str]
) -> None:
    done_here: list[str] = []
    seen = SimpleNamespace(ui="http://ui", models={}, incidents=[], serves_everywhere=lambda _: bool(done_here))
    monkeypatch.setattr("intermodal.sandbox.local.up.start", lambda *_: None)
    monkeypatch.setattr("intermodal.sandbox.local.up.train_and_deploy", lambda *_: done_here.append("train_and_deploy"))
    monkeypatch.setattr("intermodal.sandbox.local.up.Phases.save", lambda *_: None)
    monkeypatch.setattr("intermodal.sandbox.local.runs.models", lambda _: ["wine"])
    module = import_module("intermodal.cli.up")
    monkeypatch.setattr(module, "read_status", lambda: seen)
    monkeypatch.setattr(module, "show", lambda *_, **__: None)
    write(tmp_path / "shop")
    monkeypatch.chdir(tmp_path / "shop" / "src")
    result = run(monkeypatch, "up", *(() if train else ("--no-train",)), INTERMODAL_HOME=str(tmp_path))
    assert result.exit_code == 0, result.output
    assert done_here == done
    assert "http://ui/locations/shop/asset-groups/wine/lineage" in result.output
    assert "intermodal predict wine --file src/shop/defs/wine/example.csv" in result.output
    assert "make down" in result.output
    assert ("train and deploy it" in result.output) is not train


def demo(monkeypatch: pytest.MonkeyPatch, home: Path, outcome: Outcome) -> Result:
    """The command, where everything was started and the story went so."""
    monkeypatch.setattr(import_module("intermodal.cli.up"), "_start", lambda *_, **__: None)
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
