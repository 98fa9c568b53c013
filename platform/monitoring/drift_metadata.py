"""A drift measurement as metadata: numbers that Dagster plots, and Markdown."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from intermodal.platform.monitoring.drift import Drift, DriftVerdict

MARKDOWN_CHARACTERS = re.compile(r"([\\`\[\]<>&])")
"""Characters by which Markdown turns a text into an image, a link or HTML."""


def numbers(measured: Drift, verdict: DriftVerdict, by_target: Mapping[str, Drift]) -> dict[str, Any]:
    """Plain numbers, which Dagster plots. ``psi_<target>`` is the target's largest PSI against training, as
    ``largest_psi`` is that of all targets together."""
    predictions = [column.psi for column in measured.columns if column.kind == "prediction"]
    return {
        "rows": measured.rows,
        **{f"rows_{target}": each.rows for target, each in by_target.items()},
        **{f"psi_{target}": _largest(each) for target, each in by_target.items()},
        "drifted_share": round(verdict.share, 4),
        "prediction_psi": round(max(predictions, default=0.0), 4),
        "largest_psi": _largest(measured),
    }


def _largest(measured: Drift) -> float:
    return round(max((column.psi for column in measured.columns), default=0.0), 4)


def table(measured: Drift, verdict: DriftVerdict) -> str:
    """A Markdown table with a row for each column, the largest PSI first."""
    header = ["", "column", "PSI", "KS", "JS", "missing", "missing in training", "unseen", "out of range"]
    lines = [header, ["---"] * len(header)]
    for column in sorted(measured.columns, key=lambda column: -column.psi):
        shares = (column.missing, column.missing_reference, column.unseen, column.out_of_range)
        lines.append(
            [
                "drifted" if column.name in verdict.columns else "",
                column.name,
                f"{column.psi:.3f}",
                "" if column.ks is None else f"{column.ks:.3f}",
                f"{column.js:.3f}",
                *(f"{share:.2%}" for share in shares),
            ]
        )
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def as_list(findings: Sequence[str]) -> str:
    """A Markdown list. A finding may name categories that any caller can send, so it is escaped."""
    return "\n".join(f"- {_unmarked(text)}" for text in findings) or "None."


def _unmarked(text: str) -> str:
    """The text on one line, with Markdown escaped and addresses broken up, which the UI would turn into links."""
    plain = " ".join(text.split()).replace("://", ": //").replace("www.", "www .")
    return MARKDOWN_CHARACTERS.sub(r"\\\1", plain)
