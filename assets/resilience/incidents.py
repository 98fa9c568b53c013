"""``<model>/incidents``: which clouds could not serve, since when, and everything that was done."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from intermodal.assets import ports
from intermodal.assets.keys import Context, attributes, signed
from intermodal.platform.ports.incidents import Incident, Step
from intermodal.platform.spec import ModelSpec

NEWEST = 20
"""Rows of the table; all are kept in the store."""


def incidents(spec: ModelSpec) -> dg.AssetsDefinition:
    @dg.asset(
        **attributes(
            spec, "incidents", kinds={"json"}, description="Clouds that could not serve the model, and what was done."
        ),
        required_resource_keys={ports.INCIDENTS},
    )
    @signed
    def _incidents(context: Context) -> dg.MaterializeResult[None]:
        return dg.MaterializeResult(metadata=incidents_metadata(ports.incidents(context).all(spec.name)))

    return _incidents


def incidents_metadata(known: Sequence[Incident]) -> dict[str, Any]:
    """A table, the newest one's timeline, and its seconds from the onset to each step, for the UI to plot."""
    numbers: dict[str, Any] = {"open": sum(one.is_open for one in known), "incidents": len(known)}
    if not known:
        return {**numbers, "table": dg.MetadataValue.md("No cloud has failed.")}
    newest = max(known, key=lambda one: one.opened_at)
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
        "table": dg.MetadataValue.md(table(known)),
        "timeline": dg.MetadataValue.md(timeline(newest)),
    }


def table(known: Sequence[Incident]) -> str:
    """Markdown, newest first; seconds count from the onset."""
    lines = [
        "| incident | cloud | since | detected s | drained s | capacity s | closed s |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in sorted(known, key=lambda incident: -incident.opened_at)[:NEWEST]:
        seconds = [_after(one, one.at("detected")), _after(one, one.at("drained")), _after(one, one.at("capacity"))]
        figures = [*("" if s is None else f"{s:g}" for s in seconds), _closed(one)]
        lines.append(f"| {one.id} | {one.cloud} | {_clock(one.opened_at)} | {' | '.join(figures)} |")
    return "\n".join(lines)


def timeline(incident: Incident) -> str:
    lines = ["| when | + s | step | what |", "|---|---|---|---|"]
    for entry in incident.entries:
        text = entry.text.replace("|", "\\|").replace("\n", " ")
        lines.append(f"| {_clock(entry.at)} | {entry.at - incident.opened_at:.1f} | {entry.step} | {text} |")
    return "\n".join(lines)


def _closed(incident: Incident) -> str:
    return "open" if incident.closed_at is None else f"{incident.closed_at - incident.opened_at:.1f}"


def _after(incident: Incident, at: float | None) -> float | None:
    return None if at is None else round(at - incident.opened_at, 2)


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")
