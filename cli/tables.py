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


def predictions(values: Sequence[Sequence[float]], output: Output) -> None:
    """Print a line per row, numbered from 0 as in errors. With more classes than fit, a line per row and class."""
    names = headings(output, len(values[0]) if values else 0)
    if 6 + (NUMBER_WIDTH + 2) * len(names) <= MAX_WIDTH:
        table = _table("row", *names)
        for number, row in enumerate(values):
            table.add_row(str(number), *(f"{value:.6f}" for value in row))
    else:
        table = _table("row", "output", output.name)
        for number, row in enumerate(values):
            for name, value in zip(names, row, strict=True):
                table.add_row(str(number), Text(name), f"{value:.6f}")
    _print(table)
    if other := output.parameters.get("other_class"):
        note = f"P({other}) is 1 - {names[0]}"
        err.print(note, highlight=False, markup=False, soft_wrap=True)


def headings(output: Output, width: int) -> list[str]:
    """What each of a row's ``width`` numbers is: ``P(class)``, the probability of a class, or ``prediction``."""
    if output.labels:
        return [f"P({label})" for label in output.labels[-output.width :]]
    return ["prediction"] if width <= 1 else [f"prediction {k}" for k in range(width)]


def describe(metadata: Mapping[str, Any], output: Output) -> None:
    """Print the inputs in a model's V2 metadata, and its output."""
    table = _table("input", "type", "datatype", "may be missing")
    for tensor in metadata["inputs"]:
        datatype = tensor["datatype"]
        table.add_row(Text(tensor["name"]), TYPES.get(datatype, datatype), datatype, MISSING[optional(tensor)])
    _print(table)
    _print(Text(f"Output: {output.name} ({output.datatype}), {_meaning(output)}."))


def _meaning(output: Output) -> str:
    if not output.labels:
        return "one number per row" if output.width == 1 else f"{output.width} numbers per row"
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
