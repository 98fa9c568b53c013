"""``<model>/timeline``: versions, drift, routes and incidents of the last day on one page."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import dagster as dg

from intermodal.assets import ports
from intermodal.assets.keys import Context, attributes, key, signed
from intermodal.platform.ports.incidents import Incident
from intermodal.platform.resilience.timeline import Event, markdown
from intermodal.platform.spec import ModelSpec

HOURS = 24.0
LIMIT = 200
Metadata = Mapping[str, Any]


def _drill(data: Metadata) -> str:
    return f"{data['kind']} of {data['cloud']} on purpose: {data['reasons']}"


def _drift(data: Metadata) -> str:
    return f"version {data['version']}: {data['state']}. {data.get('reasons', '')}"


def _route(data: Metadata) -> str:
    weights = ", ".join(f"{name[7:]} {value}" for name, value in sorted(data.items()) if name.startswith("weight_"))
    return f"version {data['version']} is routed: {weights}"


TOLD: Mapping[str, Callable[[Metadata], str]] = {
    "model": lambda data: f"a candidate, trained on {data['trained_on']}, judged on {data['held_out']}",
    "version": lambda data: f"{data['version']} is the champion: {data['why']}",
    "drift": _drift,
    "drill": _drill,
    "route": _route,
}
"""Which assets' materializations are told, and how."""


def timeline(spec: ModelSpec) -> dg.AssetsDefinition:
    @dg.asset(
        **attributes(
            spec,
            "timeline",
            kinds={"markdown"},
            description=f"What happened to {spec.name} in the last {HOURS:.0f} hours. A note is added by reporting an "
            "observation of this asset with metadata `note` (the UI's server takes it at "
            f"/report_asset_observation/{spec.name}/timeline).",
        ),
        deps=[key(spec, "route")],
        required_resource_keys={ports.INCIDENTS},
    )
    @signed
    def _timeline(context: Context) -> dg.MaterializeResult[None]:
        incidents = ports.incidents(context).all(spec.name)
        return dg.MaterializeResult(metadata=timeline_metadata(context.instance, spec, incidents))

    return _timeline


def timeline_metadata(instance: dg.DagsterInstance, spec: ModelSpec, known: Iterable[Incident]) -> dict[str, Any]:
    since = time.time() - HOURS * 3600
    events = [*_materialized(instance, spec, since), *_notes(instance, spec, since)]
    events += [event for one in known for event in of_incident(one) if event.at >= since]
    return {"timeline": dg.MetadataValue.md(markdown(events)), "events": len(events)}


def of_incident(incident: Incident) -> Iterator[Event]:
    for entry in incident.entries:
        yield Event(entry.at, f"incident {incident.cloud}", entry.text)


def _materialized(instance: dg.DagsterInstance, spec: ModelSpec, since: float) -> Iterator[Event]:
    for stage, told in TOLD.items():
        chosen = dg.AssetRecordsFilter(asset_key=key(spec, stage), after_timestamp=since)
        for record in instance.fetch_materializations(chosen, limit=LIMIT).records:
            if (made := record.asset_materialization) is not None:
                yield Event(record.timestamp, stage, _said(told, {n: v.value for n, v in made.metadata.items()}))


def _said(told: Callable[[Metadata], str], data: Metadata) -> str:
    try:
        return told(data)
    except KeyError:  # of ours there is always all of it
        return "marked as materialized by hand"


def _notes(instance: dg.DagsterInstance, spec: ModelSpec, since: float) -> Iterator[Event]:
    chosen = dg.AssetRecordsFilter(asset_key=key(spec, "timeline"), after_timestamp=since)
    for record in instance.fetch_observations(chosen, limit=LIMIT).records:
        seen = record.event_log_entry.asset_observation
        if seen is not None and (note := seen.metadata.get("note")) is not None:
            yield Event(record.timestamp, "note", str(note.value))
