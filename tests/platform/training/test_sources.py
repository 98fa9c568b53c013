"""A package is complete in itself: what its model needs of the team's folder is in it, when the folder is gone."""

import json
from pathlib import Path
from typing import Any

import pytest

from intermodal.platform.protocol.package import DESCRIPTOR, Package
from tests.team_project import ROWS, Project, in_bare_process

A, B = ROWS["a"], ROWS["b"]
SHAPES = {
    "own_class": 2 * A,
    "function": 3 * A - B,
    "a_lambda": 3 * A - B,
    "inherited": 10 * A + 0.5,
    "dataclass_and_enum": 2 * A,
    "partial": 5 * A,
    "lazy_import": 1 - A,
    "closure": 4 * A,
    "plain": 3 * A - B,
}
REFUSED = ("data_file", "project_import")


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A package of each shape, whose project is renamed."""
    root = tmp_path_factory.mktemp("packages")
    project = Project(root / "tree", "travels").write()
    with project.importable() as train:
        made = {name: project.package(train, name, root / name) for name in (*SHAPES, *REFUSED)}
    (root / "tree").rename(root / "renamed")
    return made


@pytest.fixture(scope="module")
def bare(packages: dict[str, Path]) -> dict[str, Any]:
    return in_bare_process(*packages.values())


@pytest.fixture(scope="module")
def beside_the_tree(packages: dict[str, Path]) -> dict[str, Any]:
    return in_bare_process(*packages.values(), importable=packages["plain"].parent / "renamed")


@pytest.mark.parametrize("shape", SHAPES)
def test_package_predicts_when_the_folder_is_gone(bare: dict[str, Any], shape: str) -> None:
    assert bare[shape] == pytest.approx(SHAPES[shape].tolist())


@pytest.mark.parametrize("shape", SHAPES)
def test_package_predicts_beside_an_importable_tree(beside_the_tree: dict[str, Any], shape: str) -> None:
    assert beside_the_tree[shape] == pytest.approx(SHAPES[shape].tolist())


def test_module_outside_of_the_folder_is_not_found(beside_the_tree: dict[str, Any]) -> None:
    """Although the tree, which has it, is importable."""
    assert "imports travels.common, which is neither in its package nor in this image" in beside_the_tree[REFUSED[1]]
    assert "move that code there" in beside_the_tree[REFUSED[1]]


def test_data_file_beside_the_code_is_named(beside_the_tree: dict[str, Any]) -> None:
    assert "factor.txt" in beside_the_tree["data_file"]
    assert "Data files do not travel" in beside_the_tree["data_file"]


def test_package_has_the_python_files_without_tests_and_data(packages: dict[str, Path]) -> None:
    code = packages["own_class"] / "code"
    files = {path.relative_to(code).as_posix() for path in code.rglob("*") if path.is_file()}
    assert files == {
        f"travels/defs/wine/{file}"
        for file in ("train.py", "helpers.py", "late.py", "parts/__init__.py", "parts/base.py", "parts/later.py")
    }
    assert Package.read(packages["own_class"]).modules == "travels.defs.wine"


def test_package_of_a_library_estimator_has_no_code(packages: dict[str, Path]) -> None:
    assert not (packages["plain"] / "code").exists()
    assert Package.read(packages["plain"]).modules == ""


def test_package_of_another_python_is_refused(packages: dict[str, Path], tmp_path: Path) -> None:
    from intermodal.serving.dataplane import open_plane
    from intermodal.serving.errors import StartError

    for file in ("intermodal.json", "golden.json"):
        (tmp_path / file).write_bytes((packages["plain"] / file).read_bytes())
    (tmp_path / "model.pkl").write_bytes(b"is not read")
    descriptor = json.loads((tmp_path / DESCRIPTOR).read_text())
    (tmp_path / DESCRIPTOR).write_text(json.dumps({**descriptor, "python": "3.2"}))
    with pytest.raises(StartError, match=r"by Python 3\.2, and this server runs Python 3\.1\d.*train the model"):
        open_plane(Package.read(tmp_path), tmp_path, "1.0.0")
