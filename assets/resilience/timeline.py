"""``<model>/timeline``: versions, drift, routes and incidents of the last day on one page."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import dagster as dg

from intermodal.assets import ports
from intermodal.assets.keys import Context, attributes, key, signed
from intermodal.platform.ports.incidents import Incident
from intermodal.platform.resilience.timeline import Event, incident_events, markdown
from intermodal.platform.spec import ModelSpec

HOURS = 24.0
LIMIT = 200
Metadata = Mapping[str, Any]


def _drill(data: Metadata) -> str:
    return f"{data['kind']} of {data['scope']} on purpose: {data['reasons']}"


def _drift(data: Metadata) -> str:
    return f"version {data['version']}: {data['state']}. {data.get('reasons', '')}"


def _route(data: Metadata) -> str:
    weights = ", ".join(f"{name[7:]} {value}" for name, value in sorted(data.items()) if name.startswith("weight_"))
    return f"version {data['version']} is routed: {weights}"


RENDERED: Mapping[str, Callable[[Metadata], str]] = {
    "model": lambda data: f"a candidate, trained on {data['trained_on']}, judged on {data['held_out']}",
    "version": lambda data: f"{data['version']} is the champion: {data['why']}",
    "drift": _drift,
    "drill": _drill,
    "route": _route,
}
"""Which assets' events are on the page, and their text. A failover only observes the route."""


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
    events = [*_materialized(instance, spec, since), *_observed(instance, spec, since), *_notes(instance, spec, since)]
    events += [event for event in incident_events(known) if event.at >= since]
    return {"timeline": dg.MetadataValue.md(markdown(events)), "events": len(events)}


def _materialized(instance: dg.DagsterInstance, spec: ModelSpec, since: float) -> Iterator[Event]:
    for stage, render in RENDERED.items():
        chosen = dg.AssetRecordsFilter(asset_key=key(spec, stage), after_timestamp=since)
        for record in instance.fetch_materializations(chosen, limit=LIMIT).records:
            if (made := record.asset_materialization) is not None:
                yield Event(record.timestamp, stage, _text(render, made.metadata))


def _observed(instance: dg.DagsterInstance, spec: ModelSpec, since: float) -> Iterator[Event]:
    """Routes that a failover or a recovery left; an observation that a person reports has no weights."""
    for at, metadata in _observations(instance, key(spec, "route"), since):
        if "version" in metadata:
            yield Event(at, "route", _text(_route, metadata))


def _notes(instance: dg.DagsterInstance, spec: ModelSpec, since: float) -> Iterator[Event]:
    for at, metadata in _observations(instance, key(spec, "timeline"), since):
        if (note := metadata.get("note")) is not None:
            yield Event(at, "note", str(note.value))


def _observations(
    instance: dg.DagsterInstance, asset_key: dg.AssetKey, since: float
) -> Iterator[tuple[float, Mapping[str, dg.MetadataValue[Any]]]]:
    chosen = dg.AssetRecordsFilter(asset_key=asset_key, after_timestamp=since)
    for record in instance.fetch_observations(chosen, limit=LIMIT).records:
        if (observation := record.event_log_entry.asset_observation) is not None:
            yield record.timestamp, observation.metadata


def _text(render: Callable[[Metadata], str], metadata: Mapping[str, dg.MetadataValue[Any]]) -> str:
    try:
        return render({name: value.value for name, value in metadata.items()})
    except KeyError:  # ours always have all of it
        return "marked as materialized by hand"
