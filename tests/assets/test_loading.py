"""A model's folder that is wrong stops no other model, and its reason is found in the definitions."""

import re
import shutil
import sys
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import dagster as dg
import pytest
from pydantic import ValidationError

from intermodal.assets.broken import VALIDATING, BrokenModel, broken_models
from intermodal.assets.functions import ModelFunctions
from intermodal.assets.jobs import jobs as training_jobs
from intermodal.assets.monitoring.jobs import jobs as monitoring_jobs
from intermodal.assets.resilience.jobs import failover_job, recover_job
from intermodal.definitions import load
from intermodal.platform.errors import SpecError
from intermodal.platform.spec.fields import RESERVED_NAMES, STAGES
from tests.assets.conftest import WINE
from tests.memory import MemoryTables
from tests.platform.target_sets import spec_on
from tests.targets import AWS

PYPROJECT = '[tool.dg]\ndirectory_type = "project"\n[tool.dg.project]\nroot_module = "cellar"\n'
GOOD = (WINE / "defs.yaml").read_text(encoding="utf-8")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A Dagster project of its own, with one model that is right."""
    (tmp_path / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
    shutil.copytree(WINE, tmp_path / "cellar" / "defs" / "wine", ignore=shutil.ignore_patterns("__pycache__"))
    for folder in ("cellar", "cellar/defs"):
        (tmp_path / folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delenv(VALIDATING, raising=False)
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] == "cellar"]:
        del sys.modules[name]


def add_model(project: Path, folder: str, name: str, old: str = "", new: str = "", code: str = "") -> Path:
    """Another model, with ``old`` replaced by ``new`` in its spec and ``code`` before its functions."""
    path = project / "cellar" / "defs" / folder
    shutil.copytree(WINE, path, ignore=shutil.ignore_patterns("__pycache__"))
    text = GOOD.replace("name: wine", f"name: {name}")
    (path / "defs.yaml").write_text(text, encoding="utf-8")
    _replace(path / "defs.yaml", old, new)
    source = next(path.glob("*.py"))
    source.write_text(code + source.read_text(encoding="utf-8"), encoding="utf-8")
    return path


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def loaded(project: Path) -> tuple[set[str], dict[str, BrokenModel]]:
    """The jobs of the project and its broken models."""
    repository = load(project).get_repository_def()
    return {job.name for job in repository.get_all_jobs()}, dict(broken_models(repository))


SPECS = {
    "unknown_field": ("owner: ", "ownr: ", "ownr: a spec has no such field"),
    "no_yaml": ("data:", "data: {[", "defs.yaml:8: expected"),
    "tags_is_a_list": ("serve:", "tags: [red]\n  serve:", "tags"),
    "unknown_target": ("serve: [aws/sagemaker", "serve: [moon/base, aws/sagemaker", "moon/base"),
    "bad_weights": ("{aws: 3", "{nowhere: 3", "nowhere"),
}
"""What is replaced in a spec by what, and a word of the reason."""


@pytest.mark.parametrize("case", SPECS)
def test_load_spec_wrong_keeps_other_models(project: Path, case: str) -> None:
    old, new, word = SPECS[case]
    path = add_model(project, case, case, old, new)
    jobs, broken = loaded(project)
    assert {"deploy_wine", "failover_wine", "withdraw"} <= jobs
    assert set(broken) == {case}
    assert word in broken[case].reason
    assert str(path) in broken[case].reason


IMPORTS = {
    "missing_package": ("import there_is_no_such_package\n", "such_package'. Correct the import, or install"),
    "exits": ("import sys; sys.exit('out of here')\n", "out of here"),
    "syntax": ("def (:\n", "rows.py:1: invalid syntax"),
    "raises": ("1 / 0\n", "ZeroDivisionError"),
    "renamed": ("del_bottles = 1\n", "bottles"),
}
"""What stands before a model's functions, and a word of the reason."""


@pytest.mark.parametrize("case", IMPORTS)
def test_load_functions_not_importable_keeps_failover(project: Path, case: str) -> None:
    code, word = IMPORTS[case]
    path = add_model(project, case, case, code=code)
    if case == "renamed":
        _replace(next(path.glob("*.py")), "def bottles", "def flasks")
    jobs, broken = loaded(project)
    assert {"deploy_wine", f"failover_{case}", f"recover_{case}", f"deploy_{case}"} <= jobs
    assert word in broken[case].reason
    assert ".py" in broken[case].reason


def test_load_functions_not_importable_fails_their_step_with_the_reason(project: Path) -> None:
    add_model(project, "gone", "gone", code="import there_is_no_such_package\n")
    models = dg.load_from_defs_folder(path_within_project=project)
    dataset = next(asset for asset in models.assets or () if dg.AssetKey(["gone", "dataset"]) in asset.keys)
    with dg.DagsterInstance.ephemeral() as instance, pytest.raises(SpecError, match="there_is_no_such_package"):
        dg.materialize([dataset], instance=instance, partition_key="2020-01-01", resources={"tables": MemoryTables()})


def test_functions_not_importable_take_hyperparameters(tmp_path: Path) -> None:
    """Training calls ``fit`` with them by name."""
    functions = ModelFunctions.usable(spec_on([AWS]), cast(dg.ComponentLoadContext, SimpleNamespace(path=tmp_path)))
    with pytest.raises(SpecError, match=r"cannot be trained\. .*there is no file"):
        functions.fit(None, None, max_depth=3)


def test_load_python_file_wrong_names_its_line(project: Path) -> None:
    path = project / "cellar" / "defs" / "extra.py"
    path.write_text("a = 1\n1 / 0\n", encoding="utf-8")
    jobs, broken = loaded(project)
    assert "deploy_wine" in jobs
    assert broken["extra"].reason == f"{path}:2: ZeroDivisionError: division by zero"


def test_load_group_of_models_with_one_wrong_keeps_the_others(project: Path) -> None:
    _group(project, "dagster.DefsFolderComponent")
    path = add_model(project, "group/bad", "bad", "owner: ", "ownr: ")
    jobs, broken = loaded(project)
    assert {"deploy_wine", "deploy_good"} <= jobs
    assert set(broken) == {"bad"}
    assert str(path) in broken["bad"].reason


def test_load_group_itself_wrong_keeps_its_models_and_is_listed(project: Path) -> None:
    _group(project, "dagster.NoSuchComponent")
    jobs, broken = loaded(project)
    assert {"deploy_wine", "deploy_good"} <= jobs
    (listed,) = broken.values()
    assert "NoSuchComponent" in listed.reason


def _group(project: Path, kind: str) -> None:
    """A folder with a spec of its own, and the model ``good`` in it."""
    add_model(project, "group/good", "good")
    (project / "cellar" / "defs" / "group" / "defs.yaml").write_text(f"type: {kind}\n", encoding="utf-8")


@pytest.mark.parametrize("copy", ["wine_copy", "a_copy"])
def test_load_two_models_of_one_name_keeps_the_folder_of_that_name(project: Path, copy: str) -> None:
    add_model(project, copy, "wine")
    jobs, broken = loaded(project)
    assert "deploy_wine" in jobs
    assert set(broken) == {copy}
    assert str(project / "cellar" / "defs" / "wine") in broken[copy].reason


def test_load_two_wrong_models_of_one_name_are_both_listed(project: Path) -> None:
    for folder in ("first", "second"):
        add_model(project, folder, "same", "owner: ", "ownr: ")
    jobs, broken = loaded(project)
    assert "deploy_wine" in jobs
    assert set(broken) == {"same", "second"}


def test_load_wrong_folder_takes_no_other_models_name(project: Path) -> None:
    """``white-wine`` has no name that can be read, and its folder's would be that of a model that is right."""
    add_model(project, "white-wine", "", "owner: ", "ownr: ")
    add_model(project, "zzz", "white_wine")
    jobs, broken = loaded(project)
    assert "deploy_white_wine" in jobs
    assert set(broken) == {"white_wine_2"}
    assert "white-wine" in broken["white_wine_2"].reason


@pytest.mark.parametrize("name", ["and_deploy_wine", "broken_models", "wine__drill"])
def test_load_reserved_name_is_refused_and_keeps_others(project: Path, name: str) -> None:
    add_model(project, "other", name)
    jobs, broken = loaded(project)
    assert {"train_wine", "train_and_deploy_wine"} <= jobs
    assert f"'{name}' is reserved" in broken[name].reason


def test_load_names_that_contain_others_jobs_and_steps(project: Path) -> None:
    names = ["deploy_wine", "train_wine", "fail_over_wine", "wine__red", "wine_", "intermodal", "default"]
    for name in names:
        add_model(project, name, name)
    jobs, broken = loaded(project)
    assert broken == {}
    assert {f"{verb}_{name}" for name in names for verb in ("train", "deploy", "failover", "drill")} <= jobs


def test_steps_of_a_model_are_named_after_reserved_names(project: Path) -> None:
    """A job ``deploy_a__drill`` is never that of a model, since it is the name of a step of ``deploy_a``."""
    jobs = load(project).get_repository_def().get_all_jobs()
    steps = {node.name.removeprefix("wine") for job in jobs for node in job.all_node_defs if "__" in node.name}
    assert len(steps) > len(STAGES)
    assert [step for step in steps if not re.fullmatch(RESERVED_NAMES, f"a{step}")] == []


def test_names_of_jobs_and_schedules_differ_for_different_models() -> None:
    """Two models share a name only where what one verb has before the model begins what another has."""
    spec = spec_on([AWS], name="m")
    found = dg.Definitions.merge(
        training_jobs(spec), monitoring_jobs(spec), dg.Definitions(jobs=[failover_job(spec), recover_job(spec)])
    )
    for kind in (found.jobs, found.schedules):
        verbs = [each.name.removesuffix("m") for each in kind or ()]
        assert len(set(verbs)) == len(verbs) > 1
        for shorter, longer in permutations(verbs, 2):
            if longer.startswith(shorter):
                with pytest.raises(ValidationError, match="reserved"):
                    spec_on([AWS], name=f"{longer.removeprefix(shorter)}m")


def test_load_checked_by_dagster_names_each_broken_model(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_model(project, "gone", "gone", code="import there_is_no_such_package\n")
    add_model(project, "mistyped", "mistyped", old="serve:", new="serv:")
    monkeypatch.setenv(VALIDATING, "1")
    with pytest.raises(SpecError, match="2 models do not load") as raised:
        load(project)
    lines = str(raised.value).splitlines()[1:]
    assert [line.partition(":")[0] for line in lines] == ["gone", "mistyped"]
    assert "no_such_package" in lines[0]
    assert "defs.yaml:11: attributes.serv: " in lines[1]


def test_load_all_models_right_has_none_broken(project: Path) -> None:
    assert loaded(project)[1] == {}
    assert isinstance(load(project), dg.Definitions)
