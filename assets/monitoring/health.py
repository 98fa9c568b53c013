"""``<model>/health``: how the model serves on every cloud, side by side, as callers see it and as each cloud does."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import dagster as dg

from intermodal.assets import ports
from intermodal.assets.keys import Context, attributes, key, signed
from intermodal.assets.monitoring.predictions import clouds_of
from intermodal.platform.errors import IntermodalError
from intermodal.platform.ports import Metrics
from intermodal.platform.ports.metrics import Figures
from intermodal.platform.spec import ModelSpec
from intermodal.platform.targets import parse_target

SECONDS = 300.0
MONITOR_SECONDS = 900.0
"""The clouds' own monitors are minutes late (each adapter's docstring says by how much)."""
NUMBERS = (
    "requests",
    "error_rate",
    "throttled",
    "p50_ms",
    "p95_ms",
    "p99_ms",
    "saturation",
    "instances",
    "cold_starts",
)
OF_CALLERS = ("requests", "error_rate", "p50_ms", "p95_ms", "p99_ms", "saturation")
OF_MONITORS = ("throttled", "instances", "cold_starts")
"""What the UI plots over time, for each cloud: how callers are served, and what only the cloud itself sees well."""
SHOWN = {"requests": "requests/s"}
GAUGES = {
    **{name: name for name in ("requests", "error_rate", "throttled", "saturation", "instances", "cold_starts")},
    **{f"{quantile}_ms": f"{quantile}_seconds" for quantile in ("p50", "p95", "p99")},
}
"""Field of Figures → the end of ``intermodal_monitor_<end>``; times in seconds, as Prometheus wants them."""


def health(spec: ModelSpec) -> dg.AssetsDefinition:
    clouds = clouds_of(spec)
    monitors = [ports.monitor_key(cloud) for cloud in clouds]

    @dg.asset(
        **attributes(
            spec,
            "health",
            kinds={"prometheus"},
            description="Requests, errors, latency and saturation of every cloud, side by side: what callers saw at "
            "the gateway in the last five minutes, and what each cloud's own monitor says of the last fifteen.",
        ),
        deps=[key(spec, "route")],
        required_resource_keys={ports.METRICS, ports.GATEWAY_METRICS, ports.GAUGES, *monitors},
    )
    @signed
    def _health(context: Context) -> dg.MaterializeResult[None]:
        unread: dict[str, str] = {}
        callers = _placed(spec, _first(context, spec.name, unread))
        own: list[Figures] = []
        for name in monitors:
            own += _asked(context, ports.metrics(context, name), MONITOR_SECONDS, spec.name, unread)
        try:
            ports.gauges(context).push(f"monitor-{spec.name}", list(_gauges(own)))
        except IntermodalError as error:
            unread["gauges"] = error.message
        return dg.MaterializeResult(
            metadata={
                "side_by_side": dg.MetadataValue.md(side_by_side([*callers, *own])),
                "source": callers[0].source if callers else "none",
                "not_read": "; ".join(f"{source}: {why}" for source, why in unread.items()) or "nothing",
                **_by_cloud(callers, OF_CALLERS),
                **_by_cloud(own, OF_MONITORS),
            }
        )

    return _health


def _first(context: Context, model: str, unread: dict[str, str]) -> Sequence[Figures]:
    """Prometheus; when there is none, the gateway's own statistics."""
    for name in (ports.METRICS, ports.GATEWAY_METRICS):
        source = ports.metrics(context, name)
        found = _asked(context, source, SECONDS, model, unread)
        if source.source not in unread:
            return found
    return []


def _placed(spec: ModelSpec, figures: Sequence[Figures]) -> list[Figures]:
    """With their targets: the gateway does not know them, and a model has one in a cloud."""
    targets = {parse_target(target).cloud: target for target in spec.serve}
    return [replace(one, target=one.target or targets.get(one.cloud, "")) for one in figures]


def _asked(context: Context, source: Metrics, seconds: float, model: str, unread: dict[str, str]) -> Sequence[Figures]:
    try:
        return source.read(seconds, model)
    except IntermodalError as error:
        unread[source.source] = error.message
        context.log.warning("%s was not read: %s", source.source, error)
        return []


def side_by_side(figures: Sequence[Figures]) -> str:
    """A markdown table, a row for each cloud, version and source."""
    named = [SHOWN.get(name, name.replace("_", " ")) for name in NUMBERS]
    header = ["cloud", "target", "version", "source", *named]
    lines = [_row(header), _row(["---"] * len(header))]
    for one in sorted(figures, key=lambda f: (f.cloud, f.version, f.source)):
        numbers = [_shown(getattr(one, name)) for name in NUMBERS]
        lines.append(_row([one.cloud, one.target or "", one.version or "", one.source, *numbers]))
    return "\n".join(lines) if figures else "No figures: nothing was asked, or nothing could be read."


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _by_cloud(figures: Sequence[Figures], names: Sequence[str]) -> Mapping[str, float]:
    """Those of the numbers that are known, by cloud; where two versions serve at once, the busier one's."""
    found: dict[str, float] = {}
    for one in sorted(figures, key=lambda f: f.requests):
        for name in names:
            value = getattr(one, name)
            if value is not None:
                found[f"{one.cloud}_{name}"] = round(value, 4)
    return found


def _gauges(figures: Sequence[Figures]) -> Iterator[tuple[str, Mapping[str, str], float]]:
    for one in figures:
        labels = {name: str(getattr(one, name)) for name in ("model", "cloud", "target", "version", "source")}
        for name, ending in GAUGES.items():
            value = getattr(one, name)
            if value is not None:
                yield f"intermodal_monitor_{ending}", labels, value / 1000 if name.endswith("_ms") else value
