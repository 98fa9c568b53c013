"""``<model>/health``: how the model serves on every target, side by side, as callers and as each platform see it."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import dagster as dg

from intermodal.assets import ports
from intermodal.assets.keys import Context, attributes, key, signed
from intermodal.platform.errors import IntermodalError
from intermodal.platform.ports import Metrics, Targets
from intermodal.platform.ports.metrics import Figures
from intermodal.platform.spec import ModelSpec
from intermodal.platform.targets import Target

SECONDS = 300.0
MONITOR_SECONDS = 900.0
"""The platforms' own monitors are minutes late (each adapter's docstring says by how much)."""
CONCURRENT_MONITORS = 8
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
"""What the UI plots over time, for each target: how callers are served, and what only the platform itself sees well."""
HEADINGS = {"requests": "requests/s"}
GAUGES = {
    **{name: name for name in ("requests", "error_rate", "throttled", "saturation", "instances", "cold_starts")},
    **{f"{quantile}_ms": f"{quantile}_seconds" for quantile in ("p50", "p95", "p99")},
}
"""Field of Figures → the end of ``intermodal_monitor_<end>``; times in seconds, as Prometheus wants them."""


def health(spec: ModelSpec) -> dg.AssetsDefinition:
    @dg.asset(
        **attributes(
            spec,
            "health",
            kinds={"prometheus"},
            description="Requests, errors, latency and saturation of every target, side by side: what callers saw at "
            "the gateway in the last five minutes, and what each platform's own monitor has of the last fifteen.",
        ),
        deps=[key(spec, "route")],
        required_resource_keys={ports.METRICS, ports.GATEWAY_METRICS, ports.GAUGES, ports.TARGETS},
    )
    @signed
    def _health(context: Context) -> dg.MaterializeResult[None]:
        unread: dict[str, str] = {}
        callers = _of_callers(context, spec.name, unread)
        own = _of_monitors(context, ports.targets(context), spec, unread)
        try:
            ports.gauges(context).push(f"monitor-{spec.name}", list(_gauges(own)))
        except IntermodalError as error:
            unread["gauges"] = error.message
        return dg.MaterializeResult(
            metadata={
                "side_by_side": dg.MetadataValue.md(side_by_side([*callers, *own])),
                "source": callers[0].source if callers else "none",
                "not_read": "; ".join(f"{source}: {why}" for source, why in unread.items()) or "nothing",
                **_by_target(callers, OF_CALLERS),
                **_by_target(own, OF_MONITORS),
            }
        )

    return _health


def _of_callers(context: Context, model: str, unread: dict[str, str]) -> Sequence[Figures]:
    """Prometheus; when there is none, the gateway's own statistics."""
    for name in (ports.METRICS, ports.GATEWAY_METRICS):
        source: Metrics = ports.metrics(context, name)
        try:
            return source.read(SECONDS, model)
        except IntermodalError as error:
            unread[source.source] = error.message
            context.log.warning("%s was not read: %s", source.source, error)
    return []


def _of_monitors(context: Context, targets: Targets, spec: ModelSpec, unread: dict[str, str]) -> list[Figures]:
    """What each target's own monitor measured. All are read at once: a target that does not answer is waited for, and
    named in ``unread``."""

    def read(target: Target) -> Sequence[Figures] | IntermodalError:
        try:
            return targets.get(target).figures(MONITOR_SECONDS, spec.name)
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
    """A markdown table, a row for each target, version and source."""
    headings = [HEADINGS.get(name, name.replace("_", " ")) for name in NUMBERS]
    header = ["target", "version", "source", *headings]
    lines = [_row(header), _row(["---"] * len(header))]
    for row in sorted(figures, key=lambda row: (str(row.target), row.version, row.source)):
        numbers = [_number(getattr(row, name)) for name in NUMBERS]
        lines.append(_row([str(row.target), row.version, row.source, *numbers]))
    return "\n".join(lines) if figures else "No figures: there were no requests, or nothing could be read."


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _by_target(figures: Sequence[Figures], names: Sequence[str]) -> Mapping[str, float]:
    """Those of the numbers that are known, by target; where two versions serve at once, the busier one's."""
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
        for name, ending in GAUGES.items():
            value = getattr(row, name)
            if value is not None:
                yield f"intermodal_monitor_{ending}", labels, value / 1000 if name.endswith("_ms") else value
