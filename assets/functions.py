"""Import the functions that a spec names (``data.flights``) from the model's folder."""

import hashlib
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from intermodal.platform.errors import SpecError
from intermodal.platform.spec import ModelSpec


@dataclass(frozen=True)
class ModelFunctions:
    """A model's own functions, and the hash of the files that define them."""

    load: Callable[[str], Any]
    features: Callable[[Any], Any]
    fit: Callable[..., Any]
    baseline: Callable[..., Any] | None
    code: str

    @classmethod
    def of(cls, spec: ModelSpec, context: dg.ComponentLoadContext) -> "ModelFunctions":
        """Import every function that the spec names. SpecError names the field, file and function that is wrong."""

        def find(field: str, path: str) -> Callable[..., Any]:
            return _find(context, field, path)

        better_than = spec.gate.better_than
        return cls(
            load=find("data.function", spec.data.function),
            features=find("features.function", spec.features.function),
            fit=find("train.function", spec.train.function),
            baseline=find("gate.better_than", better_than) if better_than else None,
            code=code_hash(context.path),
        )


def code_hash(folder: Path) -> str:
    """SHA-256 of every Python file in the model's folder, by name and content."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _find(context: dg.ComponentLoadContext, field: str, path: str) -> Callable[..., Any]:
    file, _, name = path.partition(".")
    source = context.path / f"{file}.py"
    if not source.exists():
        files = ", ".join(sorted(found.stem for found in context.path.glob("*.py"))) or "none"
        raise SpecError(
            f"{where(context.path, field, path)}: there is no file {source.name} beside the spec.",
            hint=f"Files there: {files}.",
        )
    module = importlib.import_module(context.defs_relative_module_name(source))
    function = getattr(module, name, None)
    if not callable(function):
        known = sorted(key for key, value in vars(module).items() if callable(value) and not key.startswith("_"))
        raise SpecError(
            f"{where(context.path, field, path)}: {source.name} has no function '{name}'.",
            hint=f"It has: {', '.join(known)}.",
        )
    return function


def where(folder: Path, field: str, path: str) -> str:
    """File, line, field and value of the spec where a mistake has to be corrected."""
    spec = folder / "defs.yaml"
    lines = spec.read_text("utf-8").splitlines() if spec.exists() else []
    line = next((number for number, text in enumerate(lines, 1) if path in text), 1)
    return f"{spec}:{line}: {field}: {path}"
