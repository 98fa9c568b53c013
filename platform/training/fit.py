"""Fit an estimator, score it and package it: the steps from a window of features to a candidate."""

import hashlib
import importlib.metadata
import json
import platform as python_platform
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from intermodal.platform.ports.registry import Fingerprint
from intermodal.platform.protocol import v2
from intermodal.platform.protocol.package import PROFILE, Golden, Package, Task
from intermodal.platform.protocol.signature import Column, Signature
from intermodal.platform.spec import ModelSpec
from intermodal.platform.training import dataframes, estimators, formats, outputs
from intermodal.platform.training.calls import Call, name_of
from intermodal.platform.training.profile import profile_of
from intermodal.platform.training.sensitive_values import with_synthetic
from intermodal.platform.training.sources import Sources

GOLDEN_ROWS = 25
"""Rows with known predictions in a package."""
MAX_GOLDEN_BYTES = 500_000
"""About the most bytes of golden rows, as JSON. Rows of large tensors are fewer, and at least one: they travel in one
request, and the smallest limit of a target is 1.5 MB."""
REBUILD_PACKAGES = ("intermodal", "numpy", "pandas", "scikit-learn")


@dataclass(frozen=True)
class Fitted:
    """A fitted estimator with its task, signature and classes, which are needed to predict. ``scored`` is how many of
    a row's numbers the gate's metric looks at: those of the first output, or one for each target."""

    estimator: Any
    task: Task
    signature: Signature
    classes: np.ndarray
    source: str = "the fit function"
    scored: int = 1

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        """The numbers of all outputs for raw rows, [n] or [n, k]. SpecError if the estimator raises, or gives anything
        else than the signature's outputs."""
        inputs = dataframes.typed(rows, self.signature.inputs)
        parts = estimators.predictions(self.estimator, self.source, inputs, self.task, self.classes)
        return outputs.together(parts, self.signature, self.source)

    def score_inputs(self, rows: pd.DataFrame) -> np.ndarray:
        """The predictions that the gate's metric compares with the truth, [n] or [n, k]."""
        found = self.predict(rows)
        return found if found.ndim == 1 else found[:, 0] if self.scored == 1 else found[:, : self.scored]


def fit(
    function: Callable[..., Any],
    inputs: pd.DataFrame,
    target: estimators.Target,
    hyperparameters: Mapping[str, Any],
    columns: tuple[Column, ...],
    name: str = "",
    *,
    classifies: bool = False,
) -> Fitted:
    """Call the model's own fit function on inputs typed as ``columns``, and derive task, classes and signature from the
    result. A base class of scikit-learn is not needed.

    ``name`` is the function's in the spec. ``classifies`` says whether the gate's metric is one of classes, for objects
    that do not say it themselves. SpecError if the function or its estimator breaks their contract."""
    typed = dataframes.typed(inputs, columns)
    call = Call(function, name or name_of(function), "(features, target, **hyperparameters)")
    estimator, classes = estimators.fitted(call, typed, target, hyperparameters, classifies)
    task: Task = "regression" if not classes.size else "binary" if classes.size == 2 else "multiclass"
    tried = typed.head(estimators.ROWS_TRIED)  # an estimator that cannot predict is an error of its function, here
    parts = estimators.predictions(estimator, call.name, tried, task, classes)
    found = outputs.outputs_of(call, estimator, tried, parts, task, classes, target)
    scored = np.asarray(target).shape[1] if isinstance(target, pd.DataFrame) else found[0].width
    return Fitted(estimator, task, Signature(columns, found), classes, call.name, scored)


def package(
    spec: ModelSpec,
    fitted: Fitted,
    window: pd.DataFrame,
    heldout: pd.DataFrame,
    folder: Path,
    sources: Sources | None = None,
) -> None:
    """Write the package: the model file, the modules that it refers to, the descriptor, golden rows and the reference
    profile. No row's value of a sensitive column is in them."""
    sensitive = tuple(spec.features.sensitive)
    form, adapter = formats.format_of(fitted.estimator)
    path, columns = folder / adapter.file, fitted.signature.inputs
    formats.write(adapter, fitted.estimator, path, columns, sensitive, fitted.source)
    python = modules = ""
    if adapter.holds_code:
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        if sources is not None and sources.are_named_in(path.read_bytes()):
            modules = sources.module
            sources.write(folder)
    Package(spec.name, fitted.task, form, path.name, fitted.signature, sensitive, python, modules).write(folder)
    golden = _golden_rows(heldout[[column.name for column in fitted.signature.inputs]], fitted.signature)
    hidden = [column for column in fitted.signature.inputs if column.name in sensitive]
    golden = with_synthetic(golden, window, hidden)
    predictions = fitted.predict(golden).reshape(len(golden), -1)
    Golden(dataframes.records(golden), predictions.tolist()).write(folder)
    inputs = dataframes.typed(window, fitted.signature.inputs)
    profiled = [column for column in fitted.signature.inputs if column.name not in sensitive]
    profile = profile_of(inputs, profiled, fitted.predict(window))
    (folder / PROFILE).write_text(json.dumps(profile), encoding="utf-8")


def _golden_rows(heldout: pd.DataFrame, signature: Signature) -> pd.DataFrame:
    """Rows spread over the held-out partition, half of them with a missing value if there are such rows."""
    row_bytes = len(v2.request_body(signature, dataframes.records(heldout.head(1))))
    count = max(1, min(GOLDEN_ROWS, MAX_GOLDEN_BYTES // row_bytes))
    gaps = heldout[heldout.isna().any(axis=1)]
    whole = heldout.drop(gaps.index)
    chosen = [part.iloc[_spread(len(part), count // 2 + 1)] for part in (whole, gaps) if len(part)]
    return pd.concat(chosen).head(count).reset_index(drop=True)


def _spread(length: int, count: int) -> list[int]:
    return sorted({int(i) for i in np.linspace(0, length - 1, min(length, count))})


def fingerprint(
    signature: Signature,
    partitions: Mapping[str, str],
    code: str,
    parameters: Mapping[str, Any],
    environment: Mapping[str, str],
) -> Fingerprint:
    def digest(value: object) -> str:
        return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()

    return Fingerprint(
        signature=digest(signature.interface()),
        data=digest(dict(partitions)),
        code=code,
        parameters=digest(dict(parameters)),
        environment=digest(dict(environment)),
    )


def environment(locked: Mapping[str, str] = MappingProxyType({})) -> dict[str, str]:
    """Python and the packages that a fit depends on, with their versions: those of every installed format among them,
    since a pipeline may hold an estimator of any. ``locked`` has those of the model's own requirements."""
    found = {**locked, "python": python_platform.python_version()}
    for name in sorted({*REBUILD_PACKAGES, *formats.packages()}):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
