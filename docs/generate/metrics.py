"""The reference of metrics and alerts, from deploy/prometheus/rules/."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from docs.generate.markdown import GENERATED, ROOT, code, fence, table

RULES = ROOT / "deploy/prometheus/rules"
RUNBOOKS = ROOT / "docs/runbooks"
GAUGES = {
    "intermodal_objective_availability": "The model's objective of availability, as a share (0 to 1).",
    "intermodal_objective_p95_seconds": "The model's objective of latency.",
    "intermodal_budget_usd": "The model's budget for a month.",
    "intermodal_incident_open": "1 while the model has an open incident on the target.",
    "intermodal_drift_psi": "The population stability index of a column.",
    "intermodal_drift_share": "The share of columns that have drifted.",
    "intermodal_drift_limit": "The share at which the data counts as drifted.",
    "intermodal_drift_prediction_limit": "The index at which the predictions count as drifted.",
    "intermodal_drifted": "1 when inputs or predictions have drifted.",
    "intermodal_data_timestamp_seconds": "Until when the newest data reaches.",
    "intermodal_stale_after_seconds": "From which age on data is stale.",
    "intermodal_monitor_*": "What a target's own monitor measured: one gauge for each figure.",
    "intermodal_heartbeat_timestamp_seconds": "When a sensor ticked last.",
    "intermodal_sensor_interval_seconds": "How often a sensor ticks.",
}
SERVER = {
    "intermodal_requests_total": "Answered requests, by route and code.",
    "intermodal_request_seconds": "Histogram of the seconds from the head of a request to its answer, by route.",
    "intermodal_requests_in_flight": "Requests that are being answered now.",
    "intermodal_rows_total": "Predicted rows.",
    "intermodal_calls_total": "Calls of the model in a thread, which models other than LightGBM's need.",
    "intermodal_joined_rows_total": "Rows predicted in one call with those of another request.",
    "intermodal_ready": "1 when the model is loaded and has repeated its golden rows.",
    "intermodal_processes": "Processes that answer requests, when there are several. All other metrics are their sums.",
    "intermodal_processes_replaced_total": "Processes that ended before they were stopped, and were replaced.",
    "intermodal_unseen_categories_total": "Values that training did not see, taken as missing, by column.",
    "intermodal_predictions_logged_total": "Requests that are stored in the prediction log.",
    "intermodal_predictions_passed_over_total": "Requests that the prediction log's sample left out.",
    "intermodal_predictions_dropped_total": "Requests that the prediction log could not hold.",
    "intermodal_predictions_log_errors_total": "Failed attempts to store a part of the prediction log.",
}


def _groups(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load((RULES / name).read_text("utf-8"))["groups"]
    return found


def alerts() -> dict[str, list[Mapping[str, Any]]]:
    """Alerts by name, in the file's order; several rules may have one name (page and warning)."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for group in _groups("alerts.yml"):
        for rule in group["rules"]:
            found.setdefault(rule["alert"], []).append(rule)
    return found


def action(rule: Mapping[str, Any]) -> str:
    """What an alert's annotations say beside the summary: its impact and the first step."""
    notes = rule["annotations"]
    return str(notes.get("description") or notes["do"])


def page() -> str:
    return "\n".join(
        [
            GENERATED.format(name="metrics"),
            "# Metrics and alerts\n",
            "The sandbox runs the same Prometheus rules that `deploy/prometheus` gives to production. Series of what "
            "serves carry the labels `target` (`aws/sagemaker`) and `cloud` (`aws`). *Answers* are what clients "
            "received; *tries* are what a single target answered to the gateway. Without Prometheus the same figures "
            "come from the gateway's own statistics, but for saturation.\n",
            "Example: the share of failed tries of each target of a model, over five minutes:\n",
            fence('intermodal:tries_failed:ratio_rate5m{model="flight_delay"}', "promql"),
            "## Alerts\n",
            *_alerts(),
            "## Gauges that Intermodal pushes\n",
            table(("Name", "Meaning"), ((code(name), meaning) for name, meaning in GAUGES.items())),
            "## Metrics of the server\n",
            "Every server answers `/metrics`. Managed endpoints cannot be scraped "
            "([ADR 16](../adr/0016-managed-endpoints-are-not-scraped.md)).\n",
            table(("Name", "Meaning"), ((code(name), meaning) for name, meaning in SERVER.items())),
            "## Recording rules\n",
            *_recordings(),
        ]
    )


def _alerts() -> Iterator[str]:
    for name, rules in alerts().items():
        yield f"### {name}\n"
        for rule in rules:
            yield f"**{rule['labels']['severity']}**: {readable(rule['annotations']['summary'])}\n"
        yield readable(action(rules[0])) + "\n"
        if (RUNBOOKS / f"{name}.md").exists():
            yield f"[Runbook](../runbooks/{name}.md)\n"
        yield '??? note "Expression"\n\n' + "\n".join(
            f"    {line}" for rule in rules for line in fence(rule["expr"], "promql").splitlines()
        )
        yield ""


def readable(text: str) -> str:
    """Prometheus' templates as plain words: ``{{ $labels.model }}`` becomes ``<model>``."""
    named = re.sub(r"\{\{\s*\$labels\.(\w+)\s*\}\}", r"*\1*", text)
    return re.sub(r"\{\{.*?\$value.*?\}\}", "*value*", named)


def _recordings() -> Iterator[str]:
    for group in _groups("recording.yml"):
        yield f"### Group `{group['name']}`\n"
        names = dict.fromkeys(rule["record"] for rule in group["rules"])
        yield "\n".join(f"- `{name}`" for name in names) + "\n"
