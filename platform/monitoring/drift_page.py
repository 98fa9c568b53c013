"""Evidently's page about drift. It is for people; the decision is made in ``platform/monitoring/drift.py``."""

import os
import re
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from intermodal.platform.errors import MissingExtra, SpecError
from intermodal.platform.protocol.signature import Column

MAX_DRAWN_ROWS = 5000
"""Rows of each table that are drawn at most. Evidently takes two minutes for a million."""
UNSEEN_CATEGORY = "(not in training)"
"""Replaces all categories that training did not have: there may be many, and any caller can send their texts."""
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; font-src data:; "
    "img-src data: blob:; worker-src blob:"
)
"""Forbids the browser to fetch anything. The page is self-contained."""


def html(
    reference: pd.DataFrame,
    current: pd.DataFrame,
    columns: Sequence[Column],
    *,
    title: str = "Drift",
    decision: Sequence[str] = (),
    sensitive: Sequence[str] = (),
    psi: float = 0.25,
    share: float = 0.5,
    rows: int = MAX_DRAWN_ROWS,
) -> str:
    """One HTML page (about 4 MB, self-contained) comparing ``current`` rows with those of ``reference``.

    It draws ``columns`` without the ``sensitive`` ones, and ``prediction_<k>`` if both tables have it, from a random
    but reproducible sample of at most ``rows`` rows. ``decision`` (sentences) is at the top. ``psi`` and ``share`` are
    the levels at which Evidently marks a column, and the data, as drifted. MissingExtra without Evidently; SpecError if
    there is no column to draw.
    """
    drawn_columns, left_out = _drawable(reference, current, [c for c in columns if c.name not in sensitive])
    if not drawn_columns:
        raise SpecError("There is no column to draw.", hint="Both tables need values in a column of the signature.")
    page = _evidently(
        _sampled(reference, drawn_columns, rows), _sampled(current, drawn_columns, rows), drawn_columns, psi, share
    )
    header = _header(title, decision, len(reference), len(current), rows, left_out)
    secured = page.replace(
        "<head>", f'<head>\n<meta http-equiv="Content-Security-Policy" content="{CONTENT_SECURITY_POLICY}">', 1
    )
    return re.sub(r"<body>", lambda _: f"<body>\n{header}", secured, count=1)


def _drawable(
    reference: pd.DataFrame, current: pd.DataFrame, columns: Sequence[Column]
) -> tuple[tuple[Column, ...], list[str]]:
    """The columns that can be drawn, and the names of the others: Evidently rejects a column without values, and free
    text has no distribution."""
    outputs = [str(name) for name in current.columns if re.fullmatch(r"prediction_\d+", str(name))]
    inputs = {column.name for column in columns}
    candidates = [*columns, *(Column(name, "FP64") for name in outputs if name not in inputs and name in reference)]
    tables = (reference, current)
    drawn_columns = [
        c
        for c in candidates
        if (c.categories or c.datatype != "BYTES")
        and all(c.name in table and table[c.name].notna().any() for table in tables)
    ]
    return tuple(drawn_columns), [column.name for column in candidates if column not in drawn_columns]


def _sampled(table: pd.DataFrame, columns: Sequence[Column], rows: int) -> pd.DataFrame:
    """A random sample of rows, with text as objects and everything else as floats."""
    sample = table.sample(rows, random_state=0) if len(table) > rows else table
    return pd.DataFrame({column.name: _comparable(sample[column.name], column) for column in columns}).reset_index(
        drop=True
    )


def _comparable(values: pd.Series, column: Column) -> pd.Series:
    if column.datatype == "BYTES":
        texts = values.astype(object).map(lambda value: np.nan if pd.isna(value) else str(value))
        return texts.where(texts.isna() | texts.isin(column.categories), UNSEEN_CATEGORY)
    return pd.to_numeric(values, errors="coerce").astype("float64")


def _evidently(
    reference: pd.DataFrame, current: pd.DataFrame, columns: Sequence[Column], psi: float, share: float
) -> str:
    # A report sends no telemetry in Evidently 0.7.23, only its UI and collector do. This covers later releases.
    os.environ.setdefault("DO_NOT_TRACK", "1")
    try:
        from evidently import DataDefinition, Dataset, Report
        from evidently.presets import DataDriftPreset
    except ModuleNotFoundError as error:
        raise MissingExtra("evidently", "watch") from error
    definition = DataDefinition(
        numerical_columns=[column.name for column in columns if column.datatype != "BYTES"],
        categorical_columns=[column.name for column in columns if column.datatype == "BYTES"],
    )
    preset = DataDriftPreset(method="psi", threshold=psi, drift_share=share)
    datasets = [Dataset.from_pandas(table, data_definition=definition) for table in (current, reference)]
    run: Any = Report([preset]).run(*datasets)
    return str(run.get_html_str(as_iframe=False))


def _header(
    title: str, decision: Sequence[str], reference_rows: int, current_rows: int, rows: int, left_out: Sequence[str]
) -> str:
    def drawn(count: int) -> str:
        return f"{rows:,} of {count:,}" if count > rows else f"all {count:,}"

    lines = [
        *decision,
        f"Drawn by Evidently from {drawn(current_rows)} current rows and {drawn(reference_rows)} rows of training. "
        "Evidently uses its own bins, so its figures differ a little from Intermodal's, which decide and are computed "
        "from all rows.",
        *(
            [f"Not drawn, because they are free text or one side has no values: {', '.join(left_out)}."]
            if left_out
            else []
        ),
    ]
    text = "".join(f"<p>{escape(line)}</p>" for line in lines)
    return f'<header style="font-family: sans-serif; margin: 1em 2em"><h1>{escape(title)}</h1>{text}</header>'
