"""Rows as a user writes them: a JSON object, a list of objects, or a CSV file, checked against a model's metadata."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from intermodal.platform.errors import SpecError
from intermodal.platform.protocol.signature import Column, Output, Signature

Row = Mapping[str, Any]


def from_json(text: str) -> list[Row]:
    """Parse a row or a list of rows."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:  # RecursionError: deeply nested brackets
        raise SpecError(f"Not JSON: {error}.", hint="""Write a row as '{"carrier": "UA", "hour": 17}'.""") from error
    rows = data if isinstance(data, list) else [data]
    if not rows:
        raise SpecError("There is no row.", hint="""Write one as '[{"carrier": "UA", "hour": 17}]'.""")
    for number, row in enumerate(rows):
        if not isinstance(row, dict):
            raise SpecError(f"Row {number} is not an object: {json.dumps(row)[:60]}.", hint="Write rows as {...}.")
    return rows


def from_csv(text: str) -> list[Row]:
    """Parse rows below a header line. An empty field is a missing value. The server converts the texts."""
    try:
        rows = list(csv.DictReader(io.StringIO(text)))
    except csv.Error as error:
        raise SpecError(f"Not a CSV file: {error}.", hint="Write a header line with the inputs' names.") from error
    for number, row in enumerate(rows):
        if None in row:
            raise SpecError(f"Row {number} has more fields than the header line.", hint="Is a comma not in quotes?")
    if not rows:
        raise SpecError("The file has no rows.", hint="Write a header line with the inputs' names, then rows.")
    return [{name: None if value in ("", None) else value for name, value in row.items()} for row in rows]


def signature_of(metadata: Mapping[str, Any]) -> Signature:
    """The part of a signature that V2 metadata contains: names, datatypes, which inputs may be missing, and classes.

    An input of which the metadata does not say whether it may be missing is nullable here: the server decides.
    """
    inputs = tuple(
        Column(
            tensor["name"],
            tensor["datatype"],
            nullable=optional(tensor) is not False,
            shape=tuple(map(int, tensor["shape"][1:])),
        )
        for tensor in metadata["inputs"]
    )
    return Signature(inputs, tuple(map(output_of, metadata["outputs"])))


def output_of(tensor: Mapping[str, Any]) -> Output:
    """An output as V2's metadata or an answer describes it, with the classes that ``Output.parameters`` named."""
    shape = tuple(map(int, tensor["shape"][1:]))
    parameters = tensor.get("parameters", {})
    names = ["other_class", *(f"class_{k}" for k in range(prod(shape)))]
    labels = tuple(parameters[name] for name in names if name in parameters)
    return Output(tensor["name"], tensor["datatype"], shape, labels)


def optional(tensor: Mapping[str, Any]) -> bool | None:
    """Whether an input of V2 metadata may be missing; None when the metadata does not say."""
    value = tensor.get("parameters", {}).get("optional")
    return value if isinstance(value, bool) else None


def check_names(rows: Sequence[Row], signature: Signature) -> None:
    """Raise SpecError for an input that the model does not have, and for a missing input that it needs. The server
    checks the values."""
    known = {column.name for column in signature.inputs}
    needed = [column.name for column in signature.inputs if not column.nullable]
    for number, row in enumerate(rows):
        if unknown := sorted(str(name) for name in row if name not in known):
            raise SpecError(
                f"Row {number}: the model has no input '{unknown[0]}'.", hint=f"Its inputs: {', '.join(sorted(known))}."
            )
        if missing := [f"'{name}'" for name in needed if row.get(name) is None]:
            raise SpecError(
                f"Row {number}: {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing.",
                hint="The model was trained without missing values there. --describe lists what may be missing.",
            )
