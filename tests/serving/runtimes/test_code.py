"""Modules of packages in one process: side by side, beside other modules of the same names, and named in errors."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from intermodal.platform.protocol.package import Package
from intermodal.serving.pyfunc import _load_pyfunc
from intermodal.serving.runtimes.code import Code
from tests.team_project import ROWS, Project


def wine(root: Path, name: str) -> Project:
    return Project(root / "tree", name).write()


@pytest.fixture(autouse=True)
def _no_modules_stay() -> Iterator[None]:
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith("mounted_"):
            del sys.modules[name]


def test_models_of_other_names_are_side_by_side(tmp_path: Path) -> None:
    folders = []
    for name, function in (("mounted_one", "own_class"), ("mounted_two", "inherited")):
        project = wine(tmp_path / name, name)
        with project.importable() as train:
            folders.append(project.package(train, function, tmp_path / name / "package"))
    first, second = (_load_pyfunc(str(folder)) for folder in folders)
    assert first.predict(ROWS).tolist() == [2, 4, 6, 8]
    assert second.predict(ROWS).tolist() == [10.5, 20.5, 30.5, 40.5]
    assert sys.modules["mounted_one.defs.wine.train"].__file__ != sys.modules["mounted_two.defs.wine.train"].__file__


def test_models_of_one_project_are_side_by_side(tmp_path: Path) -> None:
    project = wine(tmp_path, "mounted_both")
    cheese = project.root / project.name / "defs" / "cheese"
    cheese.mkdir()
    (cheese / "train.py").write_text("class Nine:\n    def predict(self, X): return 0 * X['a'].to_numpy() + 9\n")
    with project.importable() as train:
        folder = project.package(train, "own_class", tmp_path / "wine")
    code = tmp_path / "cheese/code/mounted_both/defs/cheese"
    code.mkdir(parents=True)
    (code / "train.py").write_bytes((cheese / "train.py").read_bytes())
    package = Package(**{**vars(Package.read(folder)), "model": "cheese", "modules": "mounted_both.defs.cheese"})
    assert _load_pyfunc(str(folder)).predict(ROWS).tolist() == [2, 4, 6, 8]
    with Code.of(package, tmp_path / "cheese").active():
        from mounted_both.defs.cheese.train import Nine  # type: ignore[import-not-found]
    assert Nine().predict(ROWS).tolist() == [9, 9, 9, 9]


def test_champion_keeps_its_code_when_the_tree_has_changed(tmp_path: Path) -> None:
    """A training has today's modules, and compares with the champion, whose modules have the same names."""
    project = wine(tmp_path, "mounted_old")
    with project.importable() as train:
        folders = [project.package(train, name, tmp_path / name) for name in ("own_class", "lazy_import")]
    for file in ("train.py", "late.py"):
        path = project.sources.folder / file
        path.write_text(path.read_text().replace("* self.k", "* 100").replace("return -x", "return x"))
    with project.importable() as train:
        own, lazy = (_load_pyfunc(str(folder)) for folder in folders)
        for _ in range(2):
            assert own.predict(ROWS).tolist() == [2, 4, 6, 8]
            assert lazy.predict(ROWS).tolist() == [0, -1, -2, -3]
            assert train.own_class(ROWS, None).predict(ROWS).tolist() == [100, 200, 300, 400]
            assert train.Lazy().predict(ROWS).tolist() == [2, 3, 4, 5]
        assert sys.modules["mounted_old.defs.wine.train"] is train
        assert sys.modules["mounted_old.defs.wine"].train is train


def test_modules_are_imported_when_the_package_is_gone(tmp_path: Path) -> None:
    """MLflow's loader deletes the folder that it downloaded before the first prediction."""
    project = wine(tmp_path, "mounted_gone")
    with project.importable() as train:
        folder = project.package(train, "lazy_import", tmp_path / "package")
    model = _load_pyfunc(str(folder))
    folder.rename(tmp_path / "gone")
    assert np.asarray(model.predict(ROWS)).tolist() == [0, -1, -2, -3]


def test_package_is_not_written_to(tmp_path: Path) -> None:
    project = wine(tmp_path, "mounted_read_only")
    with project.importable() as train:
        folder = project.package(train, "lazy_import", tmp_path / "package")
    before = sorted(folder.rglob("*"))
    _load_pyfunc(str(folder)).predict(ROWS)
    assert sorted(folder.rglob("*")) == before


def test_traceback_has_the_lines_of_the_packaged_source(tmp_path: Path) -> None:
    import traceback

    project = wine(tmp_path, "mounted_lines")
    with project.importable() as train:
        folder = project.package(train, "own_class", tmp_path / "package")
    with Code.of(Package.read(folder), folder).active():
        from mounted_lines.defs.wine.helpers import scale  # type: ignore[import-not-found]
    with pytest.raises(TypeError) as caught:
        scale(None, None)
    step = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert step.filename == str(folder / "code/mounted_lines/defs/wine/helpers.py")
    assert step.line == "def scale(x, factor): return x * factor"


def test_module_below_the_models_folder_is_refused_when_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = wine(tmp_path, "mounted_refused")
    with project.importable() as train:
        folder = project.package(train, "own_class", tmp_path / "package")
    monkeypatch.syspath_prepend(str(project.root))
    with Code.of(Package.read(folder), folder).active():
        for name in ("mounted_refused.common", "mounted_refused.defs.wine.test_train"):
            with pytest.raises(ModuleNotFoundError, match="in the package of own_class"):
                __import__(name)
