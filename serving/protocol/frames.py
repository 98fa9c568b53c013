"""Parse rows and data frames into named columns, in the forms other than V2.

``instances``: the form of the predict routes in contract.py
``dataframe_*``, ``inputs``, CSV: https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally
"""

import csv
import io
from typing import Any

from intermodal.serving.errors import RequestError, describe
from intermodal.serving.protocol.bodies import Split
from intermodal.serving.protocol.coerce import Values
from intermodal.serving.protocol.table import Named


def of_rows(rows: list[Any], names: list[str], field: str) -> Named:
    """Rows as objects, or as lists in the signature's order. A column that no row has is missing in all rows."""
    if rows and all(type(row) is dict for row in rows):
        present: set[str] = set().union(*rows)
        columns = {name: [row.get(name) for row in rows] for name in names}
        # Unknown columns stay, so that the checker can name them in its error.
        return Named({**columns, **{name: [] for name in present - columns.keys()}}, len(rows))
    return _of_lists(rows, names, field)


def of_split(split: Split) -> Named:
    return _of_table(split.columns, split.data, "dataframe_split")


def _of_table(names: list[str], rows: list[Any], field: str) -> Named:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise RequestError(f"'{field}': column {describe(name)} is given twice.")
        seen.add(name)
    return _of_lists(rows, names, field)


def _of_lists(rows: list[Any], names: list[str], field: str) -> Named:
    for number, row in enumerate(rows):
        if type(row) is not list:
            raise RequestError(f"'{field}', row {number}: expected an object in every row or a list in every row.")
        if len(row) != len(names):
            raise RequestError(f"'{field}', row {number}: expected {len(names)} values, got {len(row)}.")
    return Named({name: [row[i] for row in rows] for i, name in enumerate(names)}, len(rows))


def of_columns(columns: dict[str, Values]) -> Named:
    """MLflow's ``{"inputs": {column: [values]}}``."""
    lengths = {name: len(values) for name, values in columns.items()}
    rows = next(iter(lengths.values()), 0)
    for name, length in lengths.items():
        if length != rows:
            raise RequestError(f"'inputs': column {describe(name)} has {length} values, others have {rows}.")
    return Named(columns, rows)


def of_csv(body: bytes, *, quotes: bool = True) -> Named:
    """UTF-8 with a header line; an empty cell is a missing value. Without a header a row is taken for one, so errors
    name a column only if they may have ``quotes`` of values."""
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
    if not quotes and len(set(header)) < len(header):
        raise RequestError("'CSV': a column of the header line is given twice.")
    return _of_table(header, data, "CSV")
