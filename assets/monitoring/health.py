"""``<model>/health``: requests, errors and latency of every target, measured at the gateway and by each platform."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import dagster as dg

from intermodal.assets import ports
from intermodal.assets.keys import Context, attributes, key, with_cached_signature
from intermodal.platform.errors import IntermodalError
from intermodal.platform.ports import Metrics, Targets
from intermodal.platform.ports.metrics import Figures
from intermodal.platform.spec import ModelSpec
from intermodal.platform.targets import Target

CALLER_WINDOW_SECONDS = 300.0
"""Figures at the gateway are of the last five minutes."""
MONITOR_WINDOW_SECONDS = 900.0
"""Figures of the platforms' own monitors are of the last 15 minutes: they are minutes late (see each adapter)."""
CONCURRENT_MONITORS = 8
TABLE_FIGURES = (
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
PLOTTED_CALLER_FIGURES = ("requests", "error_rate", "p50_ms", "p95_ms", "p99_ms", "saturation")
PLOTTED_MONITOR_FIGURES = ("throttled", "instances", "cold_starts")
"""Figures that the UI plots over time for each target: of callers, and those that only the platform measures."""
COLUMN_TITLES = {"requests": "requests/s"}
GAUGE_ENDINGS = {
    **{name: name for name in ("requests", "error_rate", "throttled", "saturation", "instances", "cold_starts")},
    **{f"{quantile}_ms": f"{quantile}_seconds" for quantile in ("p50", "p95", "p99")},
}
"""Field of Figures → last part of the gauge's name ``intermodal_monitor_<ending>``. Prometheus uses seconds."""


def health(spec: ModelSpec) -> dg.AssetsDefinition:
    @dg.asset(
        **attributes(
            spec,
            "health",
            kinds={"prometheus"},
            description="Requests, errors, latency and saturation of every target: at the gateway in the last five "
            "minutes, and by each platform's own monitor in the last fifteen.",
        ),
        deps=[key(spec, "route")],
        required_resource_keys={ports.METRICS, ports.GATEWAY_METRICS, ports.GAUGES, ports.TARGETS},
    )
    @with_cached_signature
    def _health(context: Context) -> dg.MaterializeResult[None]:
        unread: dict[str, str] = {}
        callers = _caller_figures(context, spec.name, unread)
        monitored = _monitor_figures(context, ports.targets(context), spec, unread)
        try:
            ports.gauges(context).push(f"monitor-{spec.name}", list(_gauges(monitored)))
        except IntermodalError as error:
            unread["gauges"] = error.message
        return dg.MaterializeResult(
            metadata={
                "side_by_side": dg.MetadataValue.md(side_by_side([*callers, *monitored])),
                "source": callers[0].source if callers else "none",
                "not_read": "; ".join(f"{source}: {why}" for source, why in unread.items()) or "nothing",
                **_by_target(callers, PLOTTED_CALLER_FIGURES),
                **_by_target(monitored, PLOTTED_MONITOR_FIGURES),
            }
        )

    return _health


def _caller_figures(context: Context, model: str, unread: dict[str, str]) -> Sequence[Figures]:
    """Figures from Prometheus, or from the gateway's own statistics if Prometheus does not answer."""
    for name in (ports.METRICS, ports.GATEWAY_METRICS):
        source: Metrics = ports.metrics(context, name)
        try:
            return source.read(CALLER_WINDOW_SECONDS, model)
        except IntermodalError as error:
            unread[source.source] = error.message
            context.log.warning("%s was not read: %s", source.source, error)
    return []


def _monitor_figures(context: Context, targets: Targets, spec: ModelSpec, unread: dict[str, str]) -> list[Figures]:
    """Figures of each target's own monitor, read concurrently. Targets whose monitor does not answer are added to
    ``unread``."""

    def read(target: Target) -> Sequence[Figures] | IntermodalError:
        try:
            return targets.get(target).figures(MONITOR_WINDOW_SECONDS, spec.name)
        except IntermodalError as error:
            return error

    found: list[Figures] = []
    with ThreadPoolExecutor(CONCURRENT_MONITORS, thread_name_prefix="monitor") as pool:
        for target, result in zip(spec.targets, pool.map(read, spec.targets), strict=True):
            if isinstance(result, IntermodalError):
                unread[str(target)] = result.message
                context.log.warning("the monitor of %s was not read: %s", target, result)
            else:
                found += result
    return found


def side_by_side(figures: Sequence[Figures]) -> str:
    """A Markdown table with a row for each target, version and source."""
    headings = [COLUMN_TITLES.get(name, name.replace("_", " ")) for name in TABLE_FIGURES]
    header = ["target", "version", "source", *headings]
    lines = [_row(header), _row(["---"] * len(header))]
    for row in sorted(figures, key=lambda row: (str(row.target), row.version, row.source)):
        numbers = [_number(getattr(row, name)) for name in TABLE_FIGURES]
        lines.append(_row([str(row.target), row.version, row.source, *numbers]))
    return "\n".join(lines) if figures else "No figures: there were no requests, or no source could be read."


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _by_target(figures: Sequence[Figures], names: Sequence[str]) -> Mapping[str, float]:
    """The known figures by target. If two versions serve on a target, those of the version with more requests."""
    found: dict[str, float] = {}
    for row in sorted(figures, key=lambda row: row.requests):
        for name in names:
            value = getattr(row, name)
            if value is not None:
                found[f"{row.target}_{name}"] = round(value, 4)
    return found


def _gauges(figures: Sequence[Figures]) -> Iterator[tuple[str, Mapping[str, str], float]]:
    for row in figures:
        labels = {name: str(getattr(row, name)) for name in ("model", "target", "version", "source")}
        labels["cloud"] = row.target.cloud
        for name, ending in GAUGE_ENDINGS.items():
            value = getattr(row, name)
            if value is not None:
                yield f"intermodal_monitor_{ending}", labels, value / 1000 if name.endswith("_ms") else value
