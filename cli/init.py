"""``intermodal init``: a Dagster project with one model, in which ``intermodal up`` works."""

import keyword
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import click

from intermodal.cli.console import out
from intermodal.platform.errors import IntermodalError

TEMPLATES = Path(__file__).parent / "templates" / "project"
SUFFIX = ".tmpl"
PACKAGE = "__package__"
"""The part of a template's path that becomes the project's package."""
DOTTED = {"github": ".github", "gitignore": ".gitignore"}
"""Names that would mean something to this repository's own tools."""
NAME = re.compile(r"[a-z][a-z0-9]*([_-][a-z0-9]+)*")
RESERVED = frozenset({"test", "tests"})
"""Packages that are not installed, and that the project's own would hide nevertheless."""


@click.command()
@click.argument("name")
def init(name: str) -> None:
    """Write a Dagster project into the new folder NAME, with one model, in which `intermodal up` works.

    The folder's own name becomes the project's: lower case, digits, - and _.
    """
    target = Path(name).resolve()
    write(target)
    out.print(
        f"{target.name}/ has a project with the model wine.\n\nNext:\n  cd {name}\n"
        "  intermodal up          start three emulated clouds and Dagster; train and deploy wine\n"
        "  dg check defs          check the definitions\n"
        "  dg scaffold defs intermodal.assets.Model my_model",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


def write(target: Path) -> None:
    """Write the project, whole or not at all. IntermodalError when the folder is not empty or the name does not do."""
    if not NAME.fullmatch(target.name):
        raise IntermodalError(
            f"'{target.name}' is no name for a project.",
            hint="Begin with a lower-case letter; digits, - and _ may follow, as in wine-shop.",
        )
    if _is_taken(_package(target.name), target):
        raise IntermodalError(
            f"'{target.name}' is no name for a project: Python has a word or a package '{_package(target.name)}'.",
            hint="Choose another name, as in wine-shop.",
        )
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise IntermodalError(
            f"{target} exists and is not empty.", hint="Choose another name, or an empty folder. Nothing was written."
        )
    if target == Path.cwd():
        raise IntermodalError(f"{target} is the working folder.", hint=f"Run it one folder up: init {target.name}.")
    if not target.parent.is_dir():
        raise IntermodalError(f"{target.parent} is no folder.", hint="Make it first.")
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as scratch:
        fresh = Path(scratch) / target.name
        for path, text in files(target.name):
            (fresh / path).parent.mkdir(parents=True, exist_ok=True)
            (fresh / path).write_text(text, encoding="utf-8")
        shutil.copyfile(_dagster_yaml(), fresh / "dagster.yaml")
        fresh.replace(target)  # an empty folder is replaced


def files(name: str) -> Iterator[tuple[Path, str]]:
    """The project's files by their path within it."""
    values = {
        "name": name,
        "package": _package(name),
        "version": version("intermodal"),
        "dagster": version("dagster"),
    }
    for source in sorted(TEMPLATES.rglob(f"*{SUFFIX}")):
        parts = source.relative_to(TEMPLATES).with_suffix("").parts
        path = Path(*(DOTTED.get(part, part.replace(PACKAGE, values["package"])) for part in parts))
        yield path, fill(source.read_text(encoding="utf-8"), values)


def fill(text: str, values: Mapping[str, str]) -> str:
    """Replace ``{{name}}`` and its like; KeyError for one that has no value."""
    return re.sub(r"\{\{(\w+)\}\}", lambda match: values[match[1]], text)


def _package(name: str) -> str:
    return name.replace("-", "_")


def _is_taken(package: str, target: Path) -> bool:
    """Whether the project's package could not be imported, would hide another, or would be hidden by one.

    ``target`` itself does not count: a folder that is on Python's path is found as a package without ``__init__.py``.
    """
    if keyword.iskeyword(package) or package in RESERVED or package in sys.stdlib_module_names:
        return True
    found = find_spec(package)
    return found is not None and [*(found.submodule_search_locations or ())] != [str(target)]


def _dagster_yaml() -> Path:
    from intermodal.sandbox.local.project import package_data

    return package_data("dagster.yaml")
