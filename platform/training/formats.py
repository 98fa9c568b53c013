"""The format of a model file: the first that holds the fitted estimator whole, and data before code."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from intermodal.platform import catalogue
from intermodal.platform.catalogue import RuntimeAdapter
from intermodal.platform.errors import IntermodalError, SpecError
from intermodal.platform.protocol.signature import Column


def formats_of(estimator: Any) -> list[tuple[str, type[RuntimeAdapter]]]:
    """The formats that take the estimator, in the order in which they are tried: formats that are data by their names,
    then formats that are code, since nothing that is data has to be trusted before it is read. SpecError if none does.
    """
    installed = [(name, catalogue.runtime_adapter(name)) for name in catalogue.names("runtimes")]
    ordered = sorted(installed, key=lambda known: (known[1].holds_code, known[0]))
    if found := [(name, adapter) for name, adapter in ordered if adapter.takes(estimator)]:
        return found
    raise refused(estimator)


def refused(estimator: Any, reasons: str = "") -> SpecError:
    """What is raised when no format holds the estimator."""
    return SpecError(
        f"No format takes a {type(estimator).__name__}. {reasons}".strip(),
        hint=f"Installed: {', '.join(catalogue.names('runtimes'))}.",
    )


def estimator_of(returned: Any, inputs: pd.DataFrame) -> Any:
    """What the fit function returned, as an estimator that predicts from a DataFrame: a format knows how to run the
    objects of its library that have no ``predict``, such as an ONNX graph."""
    for name in catalogue.names("runtimes"):
        made = catalogue.runtime_adapter(name).estimator(returned, inputs)
        if made is not None:
            return made
    return returned


def packages() -> set[str]:
    """The Python packages of every installed format."""
    return {package for name in catalogue.names("runtimes") for package in catalogue.runtime_adapter(name).packages}


def write(
    adapter: type[RuntimeAdapter],
    estimator: Any,
    path: Path,
    columns: Sequence[Column],
    sensitive: Sequence[str],
    source: str,
) -> None:
    """Write the model file. SpecError if the estimator holds something that ends with this process; ``source`` is the
    function that returned it."""
    try:
        adapter.write(estimator, path, columns, sensitive)
    except IntermodalError:
        raise
    except Exception as error:  # what is written decides what is raised
        raise SpecError(
            f"The {type(estimator).__name__} that {source} returned cannot be written to a file: {error}.",
            hint="It holds something of this process, such as a connection or a lock: open that in predict instead.",
        ) from error
