"""The page about drift, drawn by Evidently. It decides nothing: ``platform/monitoring/drift.py`` does."""

import os
import re
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from intermodal.platform.errors import MissingExtra, SpecError
from intermodal.platform.protocol.signature import Column

ROWS = 5000
"""The most rows of each table that are drawn: Evidently takes two minutes for a million."""
NEW = "(not in training)"
"""All categories that training did not know: they are many, and a text that anybody may have sent is not for a page."""
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; font-src data:; "
    "img-src data: blob:; worker-src blob:"
)
"""The page holds all that it needs; a browser that is told so fetches nothing from anywhere."""


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
    rows: int = ROWS,
) -> str:
    """One HTML page (about 4 MB, self-contained) comparing ``current`` rows with those of ``reference``.

    Drawn are ``columns`` but the ``sensitive`` ones, and ``prediction_<k>`` where both tables have it. At most ``rows``
    rows of each are drawn, by lot and always the same ones; ``decision`` (sentences) stands on top. ``psi`` and
    ``share`` are the levels at which Evidently calls a column, and the data, drifted: those of the spec's drift policy.
    MissingExtra without Evidently; SpecError when there is no column to draw.
    """
    shown, left_out = _shown(reference, current, [c for c in columns if c.name not in sensitive])
    if not shown:
        raise SpecError("There is no column to draw.", hint="Both tables need values in a column of the signature.")
    page = _evidently(_sampled(reference, shown, rows), _sampled(current, shown, rows), shown, psi, share)
    header = _header(title, decision, len(reference), len(current), rows, left_out)
    secured = page.replace("<head>", f'<head>\n<meta http-equiv="Content-Security-Policy" content="{POLICY}">', 1)
    return re.sub(r"<body>", lambda _: f"<body>\n{header}", secured, count=1)


def _shown(
    reference: pd.DataFrame, current: pd.DataFrame, columns: Sequence[Column]
) -> tuple[tuple[Column, ...], list[str]]:
    """Columns that can be drawn, and those that cannot: Evidently refuses one without values."""
    outputs = [str(name) for name in current.columns if re.fullmatch(r"prediction_\d+", str(name))]
    inputs = {column.name for column in columns}
    wanted = [*columns, *(Column(name, "FP64") for name in outputs if name not in inputs and name in reference)]
    tables = (reference, current)
    shown = [c for c in wanted if all(c.name in table and table[c.name].notna().any() for table in tables)]
    return tuple(shown), [column.name for column in wanted if column not in shown]


def _sampled(table: pd.DataFrame, columns: Sequence[Column], rows: int) -> pd.DataFrame:
    """Rows by lot, and plain types: text as objects, all else as floats."""
    some = table.sample(rows, random_state=0) if len(table) > rows else table
    return pd.DataFrame({column.name: _comparable(some[column.name], column) for column in columns}).reset_index(
        drop=True
    )


def _comparable(values: pd.Series, column: Column) -> pd.Series:
    if column.datatype == "BYTES":
        texts = values.astype(object).map(lambda value: np.nan if pd.isna(value) else str(value))
        known = texts.isna() | texts.isin(column.categories) | (not column.categories)
        return texts.where(known, NEW)
    return pd.to_numeric(values, errors="coerce").astype("float64")


def _evidently(
    reference: pd.DataFrame, current: pd.DataFrame, columns: Sequence[Column], psi: float, share: float
) -> str:
    # A report sends nothing (telemetry is in Evidently's own UI and collector, 0.7.23); nor shall a later release.
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
        f"Drawn by Evidently from {drawn(current_rows)} rows of now and {drawn(reference_rows)} of training. Its bins "
        "are its own, so its figures differ a little from Intermodal's, which decide and are taken from all rows.",
        *([f"Not drawn, because one side has no values: {', '.join(left_out)}."] if left_out else []),
    ]
    text = "".join(f"<p>{escape(line)}</p>" for line in lines)
    return f'<header style="font-family: sans-serif; margin: 1em 2em"><h1>{escape(title)}</h1>{text}</header>'
