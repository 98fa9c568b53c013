"""The tables of ``intermodal predict``: predictions below the names of the classes, and a model's inputs."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from intermodal.cli.console import err
from intermodal.platform.protocol.rows import optional
from intermodal.platform.protocol.signature import Output

MAX_WIDTH = 80
"""Columns of a terminal."""
NUMBER_WIDTH = 12
"""Of a column with numbers of six decimals, at least; longer class names are folded."""
TYPES = {"FP64": "number", "INT64": "integer", "BOOL": "true or false", "BYTES": "text"}
MISSING = {True: "yes", False: "no", None: "unknown"}


def predictions(values: Sequence[Sequence[float]], outputs: Sequence[Output], labels: Sequence[str] = ()) -> None:
    """Print a line per row, numbered from 0 as in errors, with the row's label if there is one. With more numbers than
    fit, a line per row and number."""
    names = [name for output in outputs for name in headings(output)]
    if 6 + (NUMBER_WIDTH + 2) * (len(names) + bool(labels)) <= MAX_WIDTH:
        table = _table("row", *names, *(["label"] if labels else []))
        for number, row in enumerate(values):
            label = [Text(labels[number])] if labels else []
            table.add_row(str(number), *(f"{value:.6f}" for value in row), *label)
    else:
        table = _table("row", "output", outputs[0].name if len(outputs) == 1 else "value")
        for number, row in enumerate(values):
            for name, value in zip(names, row, strict=True):
                table.add_row(str(number), Text(name), f"{value:.6f}")
    _print(table)
    if other := outputs[0].parameters.get("other_class"):
        note = f"P({other}) is 1 - {names[0]}"
        err.print(note, highlight=False, markup=False, soft_wrap=True)


def headings(output: Output) -> list[str]:
    """What each of an output's numbers is: ``P(class)``, the probability of a class, or the output's name."""
    if output.labels:
        return [f"P({label})" for label in output.labels[-output.width :]]
    return [output.name] if output.width == 1 else [f"{output.name} {k}" for k in range(output.width)]


def describe(metadata: Mapping[str, Any], outputs: Sequence[Output]) -> None:
    """Print the inputs in a model's V2 metadata, and its outputs."""
    table = _table("input", "type", "datatype", "may be missing")
    for tensor in metadata["inputs"]:
        datatype, shape = tensor["datatype"], tensor["shape"][1:]
        kind = f"tensor {shape}" if shape else TYPES.get(datatype, datatype)
        table.add_row(Text(tensor["name"]), Text(kind), datatype, MISSING[optional(tensor)])
    _print(table)
    for output in outputs:
        _print(Text(f"Output: {output.name} ({output.datatype}), {_meaning(output)}."))


def _meaning(output: Output) -> str:
    if output.is_label:
        return "the most probable class"
    if not output.labels:
        return "one number per row" if output.width == 1 else f"numbers of the shape {list(output.shape)} per row"
    if output.width == 1:
        return f"the probability of {output.labels[-1]} rather than {output.labels[0]}"
    return f"a probability for each of: {', '.join(output.labels)}"


def _table(*names: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in names:
        table.add_column(Text(name), overflow="fold")
    return table


def _print(content: Table | Text) -> None:
    """To what stdout is now, whatever it was at import."""
    console = Console(highlight=False)
    console.print(content, width=min(MAX_WIDTH, console.width))
