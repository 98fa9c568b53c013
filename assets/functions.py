"""Import the functions that a spec names (``data.flights``) from the model's folder.

Only training calls them. A version that serves is complete without them, so functions that cannot be imported stop the
training of their model, and neither its failover nor its monitoring.
"""

import hashlib
import importlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from intermodal.assets.broken import VALIDATING, BrokenModel, reason
from intermodal.platform.errors import SpecError
from intermodal.platform.spec import ModelSpec
from intermodal.platform.training.requirements import Requirements, installed_packages
from intermodal.platform.training.sources import Sources


@dataclass(frozen=True)
class ModelFunctions:
    """A model's own functions, and the hash of the files that define them."""

    load: Callable[[str], Any]
    features: Callable[[Any], Any]
    fit: Callable[..., Any]
    baseline: Callable[..., Any] | None
    code: str
    broken: BrokenModel | None = None
    sources: Sources | None = None
    """The files themselves, for the package. None for functions that no folder has."""
    metric: Callable[..., Any] | None = None
    """The metric function of the gate. None if the metric is built in, or there is none."""

    @classmethod
    def usable(cls, spec: ModelSpec, context: dg.ComponentLoadContext) -> "ModelFunctions":
        """As ``of``. When that fails, functions that raise the same error, and ``broken``. ``dg check defs`` raises."""
        try:
            return cls.of(spec, context)
        except (Exception, SystemExit) as error:
            if os.environ.get(VALIDATING):
                raise
            broken = BrokenModel(spec.name, spec.owner, reason(context.path, error))

        def fail(*_: Any, **_hyperparameters: Any) -> Any:
            raise SpecError(
                f"{broken.model} cannot be trained. {broken.reason}", hint="Correct that, then reload the definitions."
            )

        baseline, metric = (fail if name else None for name in (spec.gate.better_than, spec.gate.function))
        return cls(fail, fail, fail, baseline, code_hash(context.path), broken, metric=metric)

    @classmethod
    def of(cls, spec: ModelSpec, context: dg.ComponentLoadContext) -> "ModelFunctions":
        """Import every function that the spec names. SpecError names the field, file and function that is wrong."""

        def find(field: str, path: str) -> Callable[..., Any]:
            return _find(context, field, path)

        better_than, metric = spec.gate.better_than, spec.gate.function
        return cls(
            load=find("data.function", spec.data.function),
            features=find("features.function", spec.features.function),
            fit=find("train.function", spec.train.function),
            baseline=find("gate.better_than", better_than) if better_than else None,
            code=code_hash(context.path),
            sources=Sources(context.path, context.defs_relative_module_name(context.path)),
            metric=find("gate.metric", metric) if metric else None,
        )

    def requirements(self) -> Requirements | None:
        """The model's ``requirements.txt``, None if there is none. SpecError when this process lacks a package of it,
        so that this is known before the fit."""
        found = Requirements.of(self.sources.folder) if self.sources else None
        if found:
            found.require_installed(installed_packages())
        return found


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
    try:
        module = importlib.import_module(context.defs_relative_module_name(source))
    except ModuleNotFoundError:
        if requirements := Requirements.of(context.path):
            requirements.require_installed(installed_packages())
        raise
    function = getattr(module, name, None)
    if not callable(function):
        own = [
            (key, value) for key, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__
        ]
        known = sorted(key for key, value in own if callable(value) and not key.startswith("_")) or ["none"]
        raise SpecError(
            f"{where(context.path, field, path)}: {source.name} has no function '{name}'.",
            hint=f"It has: {', '.join(known)}.",
        )
    return function


def where(folder: Path, field: str, path: str) -> str:
    """File, line, field and value of the spec where a mistake has to be corrected."""
    spec = folder.resolve() / "defs.yaml"
    lines = spec.read_text("utf-8").splitlines() if spec.exists() else []
    line = next((number for number, text in enumerate(lines, 1) if path in text), 1)
    return f"{spec}:{line}: {field}: {path}"
