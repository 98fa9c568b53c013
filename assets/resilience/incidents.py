"""``<model>/incidents``: which targets could not serve, since when, and everything that was done."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from intermodal.assets import ports
from intermodal.assets.keys import Context, attributes, signed
from intermodal.platform.ports.incidents import Incident, Step
from intermodal.platform.resilience.timeline import IncidentGroup, grouped
from intermodal.platform.spec import ModelSpec

MAX_ROWS = 20
"""Rows of the table; all are kept in the store."""


def incidents(spec: ModelSpec) -> dg.AssetsDefinition:
    @dg.asset(
        **attributes(
            spec, "incidents", kinds={"json"}, description="Targets that could not serve the model, and what was done."
        ),
        required_resource_keys={ports.INCIDENTS},
    )
    @signed
    def _incidents(context: Context) -> dg.MaterializeResult[None]:
        return dg.MaterializeResult(metadata=incidents_metadata(ports.incidents(context).all(spec.name)))

    return _incidents


def incidents_metadata(known: Sequence[Incident]) -> dict[str, Any]:
    """A table, the newest one's timeline, and its seconds from the onset to each step, for the UI to plot.

    Incidents of one site that began together are one row and one timeline, which is done with a step when all are.
    """
    numbers: dict[str, Any] = {"open": sum(one.is_open for one in known), "incidents": len(known)}
    if not known:
        return {**numbers, "table": dg.MetadataValue.md("No target has failed.")}
    groups = grouped(known)
    newest = groups[-1]
    steps: dict[str, Step] = {
        "detected_seconds": "detected",
        "drained_seconds": "drained",
        "capacity_seconds": "capacity",
        "current_seconds": "current",
        "share_back_seconds": "share back",
    }
    numbers |= {name: s for name, step in steps.items() if (s := _after(newest, newest.at(step))) is not None}
    if newest.closed_at is not None:
        numbers["closed_seconds"] = _after(newest, newest.closed_at)
    return {
        **numbers,
        "table": dg.MetadataValue.md(table(groups)),
        "timeline": dg.MetadataValue.md(timeline(newest)),
    }


def table(groups: Sequence[IncidentGroup]) -> str:
    """Markdown, newest first; seconds count from the onset."""
    lines = [
        "| incident | targets | since | detected s | drained s | capacity s | closed s |",
        "|---|---|---|---|---|---|---|",
    ]
    steps: tuple[Step, ...] = ("detected", "drained", "capacity")
    for group in sorted(groups, key=lambda group: -group.opened_at)[:MAX_ROWS]:
        seconds = [_after(group, group.at(step)) for step in steps]
        cells = [*("" if s is None else f"{s:g}" for s in seconds), _closed(group)]
        lines.append(f"| {group.id} | {group.targets} | {_clock(group.opened_at)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def timeline(group: IncidentGroup) -> str:
    lines = ["| when | + s | targets | step | what |", "|---|---|---|---|---|"]
    for step in group.steps:
        text = step.text.replace("|", "\\|").replace("\n", " ")
        after = f"{step.at - group.opened_at:.1f}"
        lines.append(f"| {_clock(step.at)} | {after} | {step.targets} | {step.step} | {text} |")
    return "\n".join(lines)


def _closed(group: IncidentGroup) -> str:
    return "open" if group.closed_at is None else f"{group.closed_at - group.opened_at:.1f}"


def _after(group: IncidentGroup, at: float | None) -> float | None:
    return None if at is None else round(at - group.opened_at, 2)


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")
