"""Rows and data frames, in the forms that Vertex AI, SageMaker and MLflow users send → named columns.

``instances``: https://cloud.google.com/vertex-ai/docs/predictions/custom-container-requirements
``dataframe_*``, ``inputs``, CSV: https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally
"""

import csv
import io
from typing import Any

from intermodal.serving.errors import RequestError, shown
from intermodal.serving.protocol.bodies import Split
from intermodal.serving.protocol.coerce import Values
from intermodal.serving.protocol.table import Named


def of_rows(rows: list[Any], names: list[str], what: str) -> Named:
    """Rows as objects, or as lists in the signature's order. What no row mentions is missing in all."""
    if rows and all(type(row) is dict for row in rows):
        mentioned: set[str] = set().union(*rows)
        columns = {name: [row.get(name) for row in rows] for name in names}
        # Columns that the model does not know stay in, to be refused by name.
        return Named({**columns, **{name: [] for name in mentioned - columns.keys()}}, len(rows))
    return _of_lists(rows, names, what)


def of_split(split: Split) -> Named:
    return _of_table(split.columns, split.data, "dataframe_split")


def _of_table(names: list[str], rows: list[Any], what: str) -> Named:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise RequestError(f"'{what}': column {shown(name)} is given twice.")
        seen.add(name)
    return _of_lists(rows, names, what)


def _of_lists(rows: list[Any], names: list[str], what: str) -> Named:
    for number, row in enumerate(rows):
        if type(row) is not list:
            raise RequestError(f"'{what}', row {number}: expected an object in every row or a list in every row.")
        if len(row) != len(names):
            raise RequestError(f"'{what}', row {number}: expected {len(names)} values, got {len(row)}.")
    return Named({name: [row[i] for row in rows] for i, name in enumerate(names)}, len(rows))


def of_columns(columns: dict[str, Values]) -> Named:
    """MLflow's ``{"inputs": {column: [values]}}``."""
    lengths = {name: len(values) for name, values in columns.items()}
    rows = next(iter(lengths.values()), 0)
    for name, length in lengths.items():
        if length != rows:
            raise RequestError(f"'inputs': column {shown(name)} has {length} values, others have {rows}.")
    return Named(columns, rows)


def of_csv(body: bytes) -> Named:
    """UTF-8 with a header line; an empty cell is a missing value."""
    try:
        text = io.StringIO(body.decode("utf-8-sig"), newline="")
        lines = [row for row in csv.reader(text, strict=True) if row]
    except UnicodeDecodeError as error:
        raise RequestError(f"The CSV is not UTF-8: {error}.") from error
    except csv.Error as error:
        raise RequestError(f"The body is not CSV: {error}.") from error
    if not lines:
        raise RequestError("The CSV is empty; expected a header line with the columns' names.")
    header = [name.strip() for name in lines[0]]
    data: list[list[Any]] = [[cell.strip() or None for cell in row] for row in lines[1:]]
    return _of_table(header, data, "CSV")
