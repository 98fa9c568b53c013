"""What is on the dashboards: series of ``../prometheus/rules/recording.yml`` and gauges that Intermodal pushes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["lines", "number", "table"]


@dataclass(frozen=True)
class Chart:
    """``queries`` maps a legend (``{{label}}`` allowed) to PromQL; ``width`` is in Grafana's 24 columns. ``empty``
    stands in place of a number without a value."""

    title: str
    unit: str
    queries: Mapping[str, str]
    kind: Kind = "lines"
    width: int = 12
    empty: str = ""


@dataclass(frozen=True)
class Variable:
    """A filter: the values that the label ``name`` has in ``series``. With ``several`` any number of them may be
    chosen, all at first."""

    name: str
    series: str
    several: bool = False


@dataclass(frozen=True)
class Board:
    name: str
    title: str
    charts: Sequence[Chart]
    variables: Sequence[Variable] = ()


def number(title: str, unit: str, expr: str, legend: str = "", width: int = 6, empty: str = "") -> Chart:
    return Chart(title, unit, {legend: expr}, "number", width, empty)


def lines(title: str, unit: str, legend: str, expr: str, **more: str) -> Chart:
    """One expression, and ``more`` by legend."""
    return Chart(title, unit, {legend: expr, **{name.replace("_", " "): other for name, other in more.items()}})


def monitor(figure: str, selector: str) -> str:
    """A figure of the clouds' own monitors. A Pushgateway keeps numbers for ever: those of the last hour count as
    current."""
    return f"intermodal_monitor_{figure}{selector} and on (job, group) (time() - push_time_seconds < 3600)"


M, T = '{model="$model"}', '{cloud="$cloud", target=~"$target"}'
"""The selectors of a model's series, and of the chosen targets of a cloud."""
NO_COSTS = "No costs are gathered yet"
"""Nothing pushes ``intermodal_spend_usd`` before there are assets for costs."""
BY_VERSION, BY_SOURCE = "{{target}} {{version}}", "{{model}} {{target}} {{source}}"
BY_MODEL = "{{model}} {{version}} {{target}}"

FLEET = Board(
    "fleet",
    "Fleet",
    [
        number("Answers a second", "reqps", "sum(intermodal:answers:rate1m)"),
        number("Failed, last hour, the worst model", "percentunit", "max(intermodal:answers_failed:ratio_rate1h)"),
        number("Upstreams that cannot serve", "none", "count(intermodal:upstream:healthy == 0) or vector(0)"),
        number("Open incidents", "none", "sum(max by (model, target) (intermodal_incident_open))"),
        Chart("Alerts that fire", "none", {"": 'ALERTS{alertstate="firing"}'}, "table", 24),
        lines("Tries by target", "reqps", "{{target}}", "sum by (target) (intermodal:tries:rate1m)"),
        lines(
            "Failed tries by target",
            "percentunit",
            "{{target}}",
            "sum by (target) (intermodal:tries_failed:rate1m) / sum by (target) (intermodal:tries:rate1m)",
        ),
        lines("p95 of answers", "s", "{{model}}", 'intermodal:answers_seconds:quantile_rate1m{quantile="0.95"}'),
        lines("Answers that another try saved", "reqps", "{{model}}", "intermodal:answers_retried:rate1m"),
        lines("Upstreams that can serve", "bool_yes_no", "{{model}} on {{target}}", "intermodal:upstream:healthy"),
        lines(
            "Seconds since a sensor ticked",
            "s",
            "{{sensor}}",
            "time() - max by (sensor) (intermodal_heartbeat_timestamp_seconds)",
        ),
    ],
)

MODEL = Board(
    "model",
    "Model",
    [
        number(
            "Error budget left, by the last 3 days",
            "percentunit",
            f"1 - intermodal:answers_failed:ratio_rate3d{M}"
            f" / on (model) (1 - max by (model) (intermodal_objective_availability{M}))",
        ),
        number("Failed, last hour", "percentunit", f"intermodal:answers_failed:ratio_rate1h{M}"),
        number("Late, last hour (5 % may be)", "percentunit", f"intermodal:answers_late:ratio_rate1h{M}"),
        number(
            "Columns that drifted", "percentunit", f"max by (version) (intermodal_drift_share{M})", legend="{{version}}"
        ),
        lines("Tries by target and version", "reqps", BY_VERSION, f"intermodal:tries:rate1m{M}"),
        lines(
            "What callers get",
            "reqps",
            "answers",
            f"intermodal:answers:rate1m{M}",
            failed=f"intermodal:answers_failed:rate1m{M}",
            saved_by_another_try=f"intermodal:answers_retried:rate1m{M}",
        ),
        lines(
            "Latency of answers, and the objective for 0.95",
            "s",
            "{{quantile}}",
            f"intermodal:answers_seconds:quantile_rate1m{M}",
            objective=f"max by (model) (intermodal_objective_p95_seconds{M})",
        ),
        lines(
            "p95 by target",
            "s",
            BY_VERSION,
            'intermodal:tries_seconds:quantile_rate1m{model="$model", quantile="0.95"}',
        ),
        lines("Failed tries, 5 minutes", "percentunit", "{{target}}", f"intermodal:tries_failed:ratio_rate5m{M}"),
        lines("Throttled tries", "reqps", BY_VERSION, f"intermodal:tries_throttled:rate1m{M}"),
        lines("Saturation of scraped servers", "percentunit", BY_VERSION, f"intermodal:servers:saturation{M}"),
        lines("Upstreams that can serve", "bool_yes_no", "{{target}}", f"intermodal:upstream:healthy{M}"),
        lines("Errors, by the clouds' monitors", "percentunit", "{{target}} {{source}}", monitor("error_rate", M)),
        lines("p95, by the clouds' monitors", "s", "{{target}} {{source}}", monitor("p95_seconds", M)),
    ],
    [Variable("model", "intermodal:answers:total")],
)

CLOUD = Board(
    "cloud",
    "Cloud",
    [
        lines("Tries by model", "reqps", BY_MODEL, f"intermodal:tries:rate1m{T}"),
        lines(
            "Failed tries, and those of the models' other targets",
            "percentunit",
            "{{model}} {{target}}",
            f"intermodal:tries_failed:ratio_rate5m{T}",
            other_targets=f"intermodal:tries_failed_elsewhere:ratio_rate5m{T}",
            best_target="intermodal:tries_failed_best:ratio_rate5m"
            f" and on (model) intermodal:tries_failed:ratio_rate5m{T}",
        ),
        lines(
            "p99 by model",
            "s",
            BY_MODEL,
            'intermodal:tries_seconds:quantile_rate1m{cloud="$cloud", target=~"$target", quantile="0.99"}',
        ),
        lines("Upstreams that can serve", "bool_yes_no", "{{model}} {{target}}", f"intermodal:upstream:healthy{T}"),
        lines("Requests, by its own monitor", "reqps", BY_SOURCE, monitor("requests", T)),
        lines("Errors, by its own monitor", "percentunit", BY_SOURCE, monitor("error_rate", T)),
        lines("Throttled, by its own monitor", "percentunit", BY_SOURCE, monitor("throttled", T)),
        lines("p50, by its own monitor", "s", BY_SOURCE, monitor("p50_seconds", T)),
        lines("p99, by its own monitor", "s", BY_SOURCE, monitor("p99_seconds", T)),
        lines("Saturation, by its own monitor", "percentunit", BY_SOURCE, monitor("saturation", T)),
        lines("Healthy instances", "none", BY_SOURCE, monitor("instances", T)),
        lines("Cold starts", "none", BY_SOURCE, monitor("cold_starts", T)),
        lines("Saturation of scraped servers", "percentunit", BY_MODEL, f"intermodal:servers:saturation{T}"),
        lines("Scraped servers that are ready", "none", BY_MODEL, f"intermodal:servers:ready{T}"),
    ],
    [
        Variable("cloud", "intermodal:tries:total"),
        Variable("target", 'intermodal:tries:total{cloud="$cloud"}', several=True),
    ],
)

DRIFT = Board(
    "drift",
    "Drift",
    [
        lines(
            "Share of columns that drifted, and the limit",
            "percentunit",
            "{{version}}",
            f"max by (version) (intermodal_drift_share{M})",
            limit=f"max by (model) (intermodal_drift_limit{M})",
        ),
        lines(
            "Decided: drifted",
            "bool_yes_no",
            "{{what}} of {{version}}",
            f"max by (version, what) (intermodal_drifted{M})",
        ),
        lines(
            "The predictions, all targets together (PSI), and the limit",
            "none",
            "{{column}} {{version}}",
            'max by (column, version) (intermodal_drift_psi{model="$model", target="", column=~"prediction_[0-9]+"})',
            limit=f"max by (model) (intermodal_drift_prediction_limit{M})",
        ),
        lines(
            "The ten columns that moved most, all targets together (PSI)",
            "none",
            "{{column}} {{version}}",
            'topk(10, max by (column, version) (intermodal_drift_psi{model="$model", target=""}))',
        ),
        lines(
            "The mean over columns by target (PSI)",
            "none",
            BY_VERSION,
            'avg by (target, version) (intermodal_drift_psi{model="$model", target!=""})',
        ),
        lines(
            "Values not seen in training, last hour",
            "none",
            "{{column}} on {{target}}",
            f"sum by (column, target) (increase(intermodal_unseen_categories_total{M}[1h]))",
        ),
        lines(
            "Age of the newest data",
            "s",
            "{{model}}",
            f"time() - max by (model) (intermodal_data_timestamp_seconds{M})",
            stale_after=f"max by (model) (intermodal_stale_after_seconds{M})",
        ),
    ],
    [Variable("model", "intermodal:answers:total")],
)

MONEY = Board(
    "money",
    "Money",
    [
        number("Spent this month", "currencyUSD", "sum(intermodal:spend:usd)", width=8, empty=NO_COSTS),
        number("At the end of the month", "currencyUSD", "sum(intermodal:spend_forecast:usd)", width=8, empty=NO_COSTS),
        number("Budgets", "currencyUSD", "sum(intermodal:budget:usd)", width=8),
        lines("Spent this month by cloud", "currencyUSD", "{{cloud}}", "sum by (cloud) (intermodal:spend:usd)"),
        lines("Spent this month by model", "currencyUSD", "{{model}}", "sum by (model) (intermodal:spend:usd)"),
        lines(
            "Share of the budget spent",
            "percentunit",
            "{{model}}",
            "sum by (model) (intermodal:spend:usd) / on (model) intermodal:budget:usd",
        ),
        lines(
            "Forecast as a share of the budget",
            "percentunit",
            "{{model}}",
            "intermodal:spend_forecast:usd / on (model) intermodal:budget:usd",
        ),
    ],
)

BOARDS = (FLEET, MODEL, CLOUD, DRIFT, MONEY)
