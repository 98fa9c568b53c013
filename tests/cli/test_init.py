"""``init`` writes a whole project or nothing."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from intermodal.cli.init import TEMPLATES, fill, write
from intermodal.platform.errors import IntermodalError
from intermodal.platform.spec import ModelSpec
from intermodal.sandbox.local.project import Project, package_data
from tests.cli.run import run


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    write(tmp_path / "wine-shop")
    return tmp_path / "wine-shop"


def test_init_writes_a_project_that_up_finds(shop: Path) -> None:
    project = Project.find(shop / "src" / "wine_shop")
    assert (project.root, project.module, project.location) == (shop, "wine_shop.definitions", "wine-shop")
    assert project.defs == shop / "src" / "wine_shop" / "defs"
    assert project.example("wine") == shop / "src" / "wine_shop" / "defs" / "wine" / "example.csv"
    assert project.example("other") is None
    workspace = yaml.safe_load(project.write_workspace(shop / ".intermodal").read_text())
    assert workspace["load_from"] == [
        {
            "python_module": {
                "module_name": "wine_shop.definitions",
                "location_name": "wine-shop",
                "working_directory": str(shop / "src"),
            }
        }
    ]
    assert project.dagster_yaml() == shop / "dagster.yaml"
    (shop / "dagster.yaml").unlink()
    assert project.dagster_yaml() == package_data("dagster.yaml")


def test_init_writes_files_that_are_sound(shop: Path) -> None:
    names = {str(path.relative_to(shop)) for path in shop.rglob("*") if path.is_file()}
    assert {".gitignore", ".github/workflows/ci.yml", "Makefile", "README.md", "dagster.yaml"} <= names
    texts = {name: (shop / name).read_text() for name in names}
    assert [name for name, text in texts.items() if "{{" in text or "__package__" in name] == []
    tomllib.loads(texts["pyproject.toml"])
    yaml.safe_load(texts[".github/workflows/ci.yml"])
    ModelSpec.model_validate(yaml.safe_load(texts["src/wine_shop/defs/wine/defs.yaml"])["attributes"])
    for command in (["check", "--no-cache"], ["format", "--check", "--no-cache"]):
        done = subprocess.run([sys.executable, "-m", "ruff", *command, "."], cwd=shop, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout
    assert subprocess.run(["make", "-n", "up"], cwd=shop, capture_output=True).returncode == 0


def test_init_into_an_empty_folder_writes_the_project(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    write(tmp_path / "shop")
    assert (tmp_path / "shop" / "pyproject.toml").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["shop"]


def test_init_beside_an_empty_folder_on_the_path_writes_the_project(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`python -m intermodal.cli` has the working folder on the path, where the folder is a namespace package."""
    (tmp_path / "shop").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    write(tmp_path / "shop")
    assert (tmp_path / "shop" / "pyproject.toml").is_file()


def test_init_into_a_folder_with_files_writes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "mine.txt").write_text("mine")
    monkeypatch.chdir(tmp_path)
    result = run(monkeypatch, "init", "shop")
    assert result.exit_code == 1
    assert "exists and is not empty" in " ".join(result.output.split())
    assert [path.name for path in tmp_path.rglob("*")] == ["shop", "mine.txt"]


@pytest.mark.parametrize(
    "name",
    [
        *("Shop", "1shop", "a b", "shop-", ".shop", "no/such/folder"),
        *(
            "class",
            "random",
            "tests",
            "intermodal",
            "google",
            "pandas",
        ),  # it could not be imported, or would hide another
    ],
)
def test_init_with_a_name_that_does_not_do_writes_nothing(tmp_path: Path, name: str) -> None:
    with pytest.raises(IntermodalError) as failure:
        write(tmp_path / name)
    assert failure.value.hint
    assert list(tmp_path.iterdir()) == []


def test_init_that_fails_in_the_middle_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def full(*_: object) -> Path:
        raise OSError(28, "No space left on device", "dagster.yaml")

    monkeypatch.setattr(sys.modules[write.__module__], "_dagster_yaml", full)
    monkeypatch.chdir(tmp_path)
    result = run(monkeypatch, "init", "shop")
    assert result.exit_code == 1
    assert "No space left" in result.output
    assert list(tmp_path.iterdir()) == []


def test_init_needs_no_sandbox_and_writes_nothing_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(monkeypatch, "init", "shop", INTERMODAL_ENV="production", INTERMODAL_HOME=str(tmp_path / "home"))
    assert result.exit_code == 0, result.output
    assert [path.name for path in tmp_path.iterdir()] == ["shop"]
    assert "cd shop" in result.output


def test_fill_without_a_value_is_an_error() -> None:
    assert fill("${{ matrix }} {{name}}", {"name": "shop"}) == "${{ matrix }} shop"
    with pytest.raises(KeyError):
        fill("{{nothing}}", {})
    assert list(TEMPLATES.rglob("*.tmpl"))


def test_project_outside_of_any_is_the_checkout(tmp_path: Path) -> None:
    project = Project.find(tmp_path)
    assert (project.module, project.location) == ("intermodal.definitions", "intermodal.definitions")
    assert project.write_workspace(tmp_path) == project.root / "workspace.yaml"


@pytest.mark.parametrize(
    ("text", "words"), [("[tool", "is no TOML"), ("[tool.dg.project]\ndefs_module = 'a'", "has no root_module")]
)
def test_project_file_that_is_broken_is_named(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(IntermodalError, match=words):
        Project.find(tmp_path)


def test_project_of_dg_toml_is_found(tmp_path: Path) -> None:
    (tmp_path / "dg.toml").write_text("directory_type = 'project'\n[project]\nroot_module = 'a'\n")
    project = Project.find(tmp_path)
    assert (project.module, project.location, project.sources) == ("a.definitions", tmp_path.name, tmp_path)
