"""Write the model file in the first format that holds the estimator, and that predicts as the estimator does."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from intermodal.platform.catalogue import RuntimeAdapter
from intermodal.platform.protocol.conversion import NotConvertible
from intermodal.platform.protocol.package import Package
from intermodal.platform.training import conversions, formats


class Stored(NamedTuple):
    """The descriptor with format and file, and whether reading the file may run code. ``findings`` has a sentence for
    each format that was tried and not used."""

    package: Package
    holds_code: bool
    findings: tuple[str, ...]


def store(
    estimator: Any,
    predict: Callable[[pd.DataFrame], np.ndarray],
    draft: Package,
    heldout: pd.DataFrame,
    folder: Path,
    source: str,
) -> Stored:
    """Write the model file. ``draft`` is the descriptor without format and file, ``predict`` the estimator's prediction
    for raw rows, and ``source`` the function that returned it. A conversion is compared on the held-out rows and around
    every split. SpecError if no format takes the estimator, or it cannot be written."""
    findings = list[str]()
    usable = formats.formats_of(estimator)
    for name, adapter in usable:
        package = replace(draft, format=name, file=adapter.file)
        reason = _stored(adapter, estimator, predict, package, heldout, folder, source)
        if not reason:
            return Stored(package, adapter.holds_code, tuple(findings))
        findings.append(f"The format {name} is not used: {reason}.")
    raise formats.refused(estimator, " ".join(findings))


def _stored(
    adapter: type[RuntimeAdapter],
    estimator: Any,
    predict: Callable[[pd.DataFrame], np.ndarray],
    package: Package,
    heldout: pd.DataFrame,
    folder: Path,
    source: str,
) -> str:
    """Why the format is not used; '' if its file is written."""
    path, columns = folder / package.file, package.signature.inputs
    try:
        conversion = adapter.conversion(estimator, columns)
    except NotConvertible as error:
        return str(error)
    formats.write(adapter, estimator, path, columns, package.sensitive, source)
    if conversion is None:
        return ""
    compared = conversions.compare(adapter(package, folder), predict, heldout, columns, conversion)
    if compared.reason:
        path.unlink()
    return compared.reason
