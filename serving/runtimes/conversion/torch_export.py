"""A module of PyTorch as an ONNX graph, in training. ONNX Runtime predicts with it several times as fast, and the image
needs no PyTorch.

https://docs.pytorch.org/docs/stable/onnx_export.html
"""

import inspect
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from intermodal.platform.errors import SpecError
from intermodal.serving.runtimes.onnx_graph import Graph

EXAMPLE_ROWS = 2
"""An example of one row would be taken for a fixed count of rows."""
RELATIVE, ABSOLUTE = 1e-3, 1e-5
"""How far the graph's outputs may be from the module's: other kernels sum float32 in another order."""


def is_module(returned: Any) -> bool:
    """Whether it is a module of PyTorch, which is imported then."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(returned, torch.nn.Module)


def graph_of(module: Any, frame: Any, columns: Mapping[str, Any]) -> bytes:
    """The ONNX graph of a module. ``columns`` has the values of ``frame``'s rows by name, as ``Graph`` takes them.

    ``forward`` takes a tensor for each column, by the column's name, or one tensor: a matrix of all columns or the only
    column. It returns a tensor, or a dict of tensors by the names of the outputs. SpecError when the module cannot be
    converted, or the graph gives other outputs.
    """
    import torch

    if len(frame) < EXAMPLE_ROWS:
        raise SpecError(f"A module of PyTorch needs {EXAMPLE_ROWS} rows to be converted, and there is {len(frame)}.")
    module = module.eval()
    arguments = _arguments(module, columns)
    example = tuple(torch.from_numpy(array[:EXAMPLE_ROWS]) for array in arguments.values())
    with torch.no_grad():
        expected = _named(module(*(torch.from_numpy(array) for array in arguments.values())))
    if taken := sorted({*expected, *arguments} & set(module.state_dict())):
        raise SpecError(
            f"'{taken[0]}' is an input or output of {type(module).__name__} and one of its parameters.",
            hint="A graph has one thing of each name: rename one of them.",
        )
    try:
        program = torch.onnx.export(
            module,
            example,
            dynamo=True,
            verbose=False,
            input_names=list(arguments),
            output_names=list(expected),
            dynamic_shapes=tuple({0: torch.export.Dim.DYNAMIC} for _ in example),
        )
    except Exception as error:  # what a module does decides what is raised
        raise SpecError(
            f"The module {type(module).__name__} cannot be converted to ONNX: {str(error).splitlines()[0]}.",
            hint="Return an ONNX graph of it (onnx.ModelProto), or change what the exporter cannot follow.",
        ) from error
    model: bytes = program.model_proto.SerializeToString()
    _require_equal(
        expected, Graph(model, list(columns), "The converted module").run(list(columns.values()), len(frame))
    )
    return model


def _arguments(module: Any, columns: Mapping[str, Any]) -> dict[str, Any]:
    """The arrays for ``forward``, by the names of its parameters."""
    names = list(inspect.signature(module.forward).parameters)
    arrays = {name: _array(values) for name, values in columns.items()}
    if set(names) == set(arrays):
        return {name: arrays[name] for name in names}
    if len(names) != 1:
        raise SpecError(
            f"forward of {type(module).__name__} takes {', '.join(names)}, and the features are {', '.join(arrays)}.",
            hint="Name its parameters as the features, or take one matrix of all of them.",
        )
    first, *others = arrays.values()
    if not others and first.ndim > 1:
        return {names[0]: first}
    return {names[0]: np.stack([array.astype("float32") for array in arrays.values()], axis=1)}


def _array(values: Any) -> Any:
    if isinstance(values, np.ndarray):
        return values
    array = np.array(values)
    if array.dtype == object:
        raise SpecError("A column holds text or missing values, which no tensor of PyTorch holds.")
    return array.astype("float32") if array.dtype.kind == "f" else array


def _named(outputs: Any) -> dict[str, Any]:
    if isinstance(outputs, Mapping):
        return {str(name): tensor.numpy() for name, tensor in outputs.items()}
    if isinstance(outputs, tuple | list):
        return {f"output_{k}": tensor.numpy() for k, tensor in enumerate(outputs)}
    return {"prediction": outputs.numpy()}


def _require_equal(expected: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    for name, array in expected.items():
        if name not in found or not np.allclose(array, found[name], RELATIVE, ABSOLUTE):
            raise SpecError(
                f"The ONNX graph of the module gives other values than the module for its output '{name}'.",
                hint="Return an ONNX graph that you have checked (onnx.ModelProto).",
            )
