"""What is imported is declared: a package that only comes along with another one may be gone with its next release."""

import ast
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
PARTS = {"pydantic-core": "pydantic"}
"""Packages of one release with another, which is declared."""
LAYERS = ("platform", "assets", "resources", "sensors", "cli", "definitions.py")


def _declared(*extras: str) -> set[str]:
    texts = [*PROJECT["dependencies"], *(text for extra in extras for text in PROJECT["optional-dependencies"][extra])]
    return {canonicalize_name(Requirement(text).name) for text in texts}


def _imported(path: Path) -> Iterator[str]:
    """The top-level names of what a module imports as it is imported, without what is ours or Python's."""
    for node in ast.parse(path.read_text("utf-8")).body:
        modules: list[str] = []
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            modules = [node.module or ""]
        yield from {name for name in (module.partition(".")[0] for module in modules) if _is_foreign(name)}


def _is_foreign(name: str) -> bool:
    return name != "intermodal" and name not in sys.stdlib_module_names


def _undeclared(files: list[Path], declared: set[str]) -> dict[str, list[str]]:
    distributions, found = packages_distributions(), dict[str, list[str]]()
    for path in files:
        for name in _imported(path):
            owners = {canonicalize_name(owner) for owner in distributions.get(name, ())}
            if not {PARTS.get(owner, owner) for owner in owners} & declared:
                found.setdefault(name, []).append(str(path.relative_to(ROOT)))
    return found


def _files(*layers: str) -> list[Path]:
    found = [path for layer in layers for path in ([ROOT / layer] if "." in layer else (ROOT / layer).rglob("*.py"))]
    assert found
    return found


def _uses_dagster(path: Path) -> bool:
    """It imports Dagster, or takes a run's context."""
    nodes = list(ast.walk(ast.parse(path.read_text("utf-8"))))
    modules = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    modules += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    takes_context = any(isinstance(node, ast.arg) and node.arg == "context" for node in nodes)
    return takes_context or any(name.partition(".")[0] == "dagster" for name in modules)


def test_assets_without_dagster_are_none() -> None:
    """What needs no Dagster is a decision, and lies in platform/."""
    without = [path for path in _files("assets") if path.name != "__init__.py" and not _uses_dagster(path)]
    assert [str(path.relative_to(ROOT)) for path in without] == []


@pytest.mark.parametrize("layer", LAYERS)
def test_layer_imports_base_dependencies_only(layer: str) -> None:
    """SDKs and whatever else an extra installs are imported where they are called."""
    assert _undeclared(_files(layer), _declared()) == {}


def test_serving_imports_its_own_extra_only() -> None:
    serving = {canonicalize_name(Requirement(text).name) for text in PROJECT["optional-dependencies"]["serving"]}
    runtimes = _declared("sklearn")
    always = [path for path in _files("serving") if path.parent.name != "runtimes"]
    assert _undeclared(always, serving) == {}
    assert _undeclared(_files("serving/runtimes"), serving | runtimes) == {}
