"""``<model>/incidents``: the incidents of a model: target, onset, steps and timeline."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from intermodal.assets import ports
from intermodal.assets.keys import Context, attributes, with_cached_signature
from intermodal.platform.ports.incidents import Incident, Step
from intermodal.platform.resilience.timeline import IncidentGroup, grouped
from intermodal.platform.spec import ModelSpec

MAX_ROWS = 20
"""Rows of the table in the UI. The store keeps all incidents."""


def incidents(spec: ModelSpec) -> dg.AssetsDefinition:
    @dg.asset(
        **attributes(
            spec,
            "incidents",
            kinds={"json"},
            description="Outages of the model's targets, with the steps of failover and recovery.",
        ),
        required_resource_keys={ports.INCIDENTS},
    )
    @with_cached_signature
    def _incidents(context: Context) -> dg.MaterializeResult[None]:
        return dg.MaterializeResult(metadata=incidents_metadata(ports.incidents(context).all(spec.name)))

    return _incidents


def incidents_metadata(known: Sequence[Incident]) -> dict[str, Any]:
    """A table, the newest incident's timeline, and the seconds from its onset to each step, which the UI plots.

    Incidents of one site that began together share a row and a timeline. A step is done when all of them did it.
    """
    numbers: dict[str, Any] = {"open": sum(incident.is_open for incident in known), "incidents": len(known)}
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
    numbers |= {
        name: s for name, step in steps.items() if (s := _seconds_since_onset(newest, newest.time_of(step))) is not None
    }
    if newest.closed_at is not None:
        numbers["closed_seconds"] = _seconds_since_onset(newest, newest.closed_at)
    return {
        **numbers,
        "table": dg.MetadataValue.md(table(groups)),
        "timeline": dg.MetadataValue.md(timeline(newest)),
    }


def table(groups: Sequence[IncidentGroup]) -> str:
    """A Markdown table, newest first. Seconds are since the onset."""
    lines = [
        "| incident | targets | since | detected s | drained s | capacity s | closed s |",
        "|---|---|---|---|---|---|---|",
    ]
    steps: tuple[Step, ...] = ("detected", "drained", "capacity")
    for group in sorted(groups, key=lambda group: -group.opened_at)[:MAX_ROWS]:
        seconds = [_seconds_since_onset(group, group.time_of(step)) for step in steps]
        cells = [*("" if s is None else f"{s:g}" for s in seconds), _closed(group)]
        lines.append(f"| {group.id} | {group.targets} | {_clock(group.opened_at)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def timeline(group: IncidentGroup) -> str:
    lines = ["| when | + s | targets | step | what |", "|---|---|---|---|---|"]
    for step in group.steps:
        text = step.text.replace("|", "\\|").replace("\n", " ")
        after = f"{step.time - group.opened_at:.1f}"
        lines.append(f"| {_clock(step.time)} | {after} | {step.targets} | {step.step} | {text} |")
    return "\n".join(lines)


def _closed(group: IncidentGroup) -> str:
    return "open" if group.closed_at is None else f"{group.closed_at - group.opened_at:.1f}"


def _seconds_since_onset(group: IncidentGroup, moment: float | None) -> float | None:
    return None if moment is None else round(moment - group.opened_at, 2)


def _clock(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S")
