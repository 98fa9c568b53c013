"""``<model>/timeline``: versions, drift, routes, incidents and notes of the last day on one page."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import dagster as dg

from intermodal.assets import ports
from intermodal.assets.keys import Context, attributes, key, with_cached_signature
from intermodal.platform.ports.incidents import Incident
from intermodal.platform.resilience.timeline import TimelineEvent, incident_events, markdown
from intermodal.platform.spec import ModelSpec

TIMELINE_HOURS = 24.0
MAX_EVENTS_PER_ASSET = 200
"""The newest events of each asset that are read."""
Metadata = Mapping[str, Any]


def _drill(data: Metadata) -> str:
    return f"{data['kind']} drill of {data['scope']}: {data['reasons']}"


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
"""The assets whose materializations are on the page, and the text of each."""


def timeline(spec: ModelSpec) -> dg.AssetsDefinition:
    @dg.asset(
        **attributes(
            spec,
            "timeline",
            kinds={"markdown"},
            description=f"The events of {spec.name} in the last {TIMELINE_HOURS:.0f} hours. To add a note, report an "
            "observation of this asset with metadata `note` (at the UI's server: "
            f"/report_asset_observation/{spec.name}/timeline).",
        ),
        deps=[key(spec, "route")],
        required_resource_keys={ports.INCIDENTS},
    )
    @with_cached_signature
    def _timeline(context: Context) -> dg.MaterializeResult[None]:
        incidents = ports.incidents(context).all(spec.name)
        return dg.MaterializeResult(metadata=timeline_metadata(context.instance, spec, incidents))

    return _timeline


def timeline_metadata(instance: dg.DagsterInstance, spec: ModelSpec, known: Iterable[Incident]) -> dict[str, Any]:
    since = time.time() - TIMELINE_HOURS * 3600
    events = [*_materialized(instance, spec, since), *_observed(instance, spec, since), *_notes(instance, spec, since)]
    events += [event for event in incident_events(known) if event.time >= since]
    return {"timeline": dg.MetadataValue.md(markdown(events)), "events": len(events)}


def _materialized(instance: dg.DagsterInstance, spec: ModelSpec, since: float) -> Iterator[TimelineEvent]:
    for stage, render in RENDERED.items():
        records_filter = dg.AssetRecordsFilter(asset_key=key(spec, stage), after_timestamp=since)
        for record in instance.fetch_materializations(records_filter, limit=MAX_EVENTS_PER_ASSET).records:
            if (made := record.asset_materialization) is not None:
                yield TimelineEvent(record.timestamp, stage, _text(render, made.metadata))


def _observed(instance: dg.DagsterInstance, spec: ModelSpec, since: float) -> Iterator[TimelineEvent]:
    """Routes that a failover or a recovery published. An observation that a person reports has no version."""
    for observed_at, metadata in _observations(instance, key(spec, "route"), since):
        if "version" in metadata:
            yield TimelineEvent(observed_at, "route", _text(_route, metadata))


def _notes(instance: dg.DagsterInstance, spec: ModelSpec, since: float) -> Iterator[TimelineEvent]:
    for observed_at, metadata in _observations(instance, key(spec, "timeline"), since):
        if (note := metadata.get("note")) is not None:
            yield TimelineEvent(observed_at, "note", str(note.value))


def _observations(
    instance: dg.DagsterInstance, asset_key: dg.AssetKey, since: float
) -> Iterator[tuple[float, Mapping[str, dg.MetadataValue[Any]]]]:
    records_filter = dg.AssetRecordsFilter(asset_key=asset_key, after_timestamp=since)
    for record in instance.fetch_observations(records_filter, limit=MAX_EVENTS_PER_ASSET).records:
        if (observation := record.event_log_entry.asset_observation) is not None:
            yield record.timestamp, observation.metadata


def _text(render: Callable[[Metadata], str], metadata: Mapping[str, dg.MetadataValue[Any]]) -> str:
    try:
        return render({name: value.value for name, value in metadata.items()})
    except KeyError:  # a materialization of ours has every key
        return "marked as materialized by hand"
