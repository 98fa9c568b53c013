"""Every expression that we ship has an answer from a real Prometheus that scrapes what the real one scrapes."""

import json
import math
import re
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.grafana import dashboards
from intermodal.platform.ports.metrics import Figures
from intermodal.resources.prometheus import QUERIES, PrometheusMetrics, query
from tests.deploy.live import CLOUDS, FIRING, MODEL, VERSION, Live

RULES = Path(__file__).parents[2] / "deploy" / "prometheus" / "rules"
NAME = re.compile(r"\b(?:envoy_\w+|intermodal[\w:]+|process_cpu_seconds_total|up)\b(?!\s*\()")


def _rules(file: str) -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load((RULES / file).read_text())["groups"] for rule in group["rules"]]


def _shown() -> list[Any]:
    found = []
    for path in sorted(dashboards.FOLDER.glob("*.json")):
        board = json.loads(path.read_text())
        for panel in board["panels"]:
            found += [pytest.param(target["expr"], id=f"{path.stem}: {panel['title']}") for target in panel["targets"]]
        for variable in board["templating"]["list"]:
            if variable["type"] == "query":
                series = re.fullmatch(r"label_values\((.+), \w+\)", variable["query"])
                assert series
                found.append(pytest.param(series[1], id=f"{path.stem}: ${variable['name']}"))
    return found


def _answered(prometheus: Live, expression: str) -> list[dict[str, Any]]:
    rows, deadline = prometheus.ask(expression), time.monotonic() + 30
    # On a busy machine a scrape comes late, and a rate is gone until then.
    while not rows and time.monotonic() < deadline:
        time.sleep(0.25)
        rows = prometheus.ask(expression)
    assert rows, f"no series: {expression}"
    assert any(math.isfinite(float(row["value"][1])) for row in rows), f"no number: {expression}"
    return rows


@pytest.mark.parametrize("expression", _shown())
def test_a_dashboard_shows_something(prometheus: Live, expression: str) -> None:
    _answered(prometheus, expression.replace("$model", MODEL).replace("$cloud", "aws"))


@pytest.mark.parametrize("record", sorted({rule["record"] for rule in _rules("recording.yml")}))
def test_a_recording_rule_records(prometheus: Live, record: str) -> None:
    _answered(prometheus, record)


@pytest.mark.parametrize("rule", [pytest.param(rule, id=rule["alert"]) for rule in _rules("alerts.yml")])
def test_an_alert_speaks_of_series_that_exist(prometheus: Live, rule: dict[str, Any]) -> None:
    prometheus.ask(rule["expr"])
    names = set(NAME.findall(rule["expr"]))
    assert names
    for name in names:
        _answered(prometheus, name)


@pytest.mark.parametrize("figure", QUERIES)
def test_every_figure_has_an_answer(prometheus: Live, figure: str) -> None:
    rows = _answered(prometheus, query(60, MODEL))
    assert any(row["metric"]["figure"] == figure for row in rows)


def test_the_figures_are_what_happened(prometheus: Live) -> None:
    found = {one.cloud: one for one in PrometheusMetrics(url=prometheus.url).read(60, MODEL)}
    assert set(found) == set(CLOUDS)
    aws: Figures = found["aws"]
    assert (aws.source, aws.model, aws.version, aws.target) == ("prometheus", MODEL, VERSION, "aws/sagemaker")
    assert aws.error_rate == pytest.approx(0.3, abs=0.02)
    assert found["gcp"].error_rate == 0.0
    assert aws.throttled == pytest.approx(0.1, abs=0.02)
    assert aws.requests == pytest.approx(found["gcp"].requests)
    assert aws.requests > 0
    assert aws.p50_ms is not None
    assert 3 < aws.p50_ms < 5
    assert aws.p99_ms is not None
    assert 200 < aws.p99_ms <= 250
    assert aws.saturation is not None
    assert 0 <= aws.saturation <= 1
    assert aws.instances == 1
    assert found["gcp"].target == ""


def test_a_model_that_nobody_asked_has_no_row(prometheus: Live) -> None:
    assert PrometheusMetrics(url=prometheus.url).read(60, 'no"body') == []
    assert {one.model for one in PrometheusMetrics(url=prometheus.url).read(60)} == {MODEL}


def test_answers_later_than_the_objective_are_counted(prometheus: Live) -> None:
    """One in fifty is slower than the 100 ms that were pushed as the objective."""
    (row,) = prometheus.ask("intermodal:answers_late:ratio_rate5m")
    assert float(row["value"][1]) == pytest.approx(0.02, abs=0.01)


def test_the_alerts_that_this_data_calls_for_fire(prometheus: Live) -> None:
    firing = {row["metric"]["alertname"] for row in prometheus.ask('ALERTS{alertstate="firing"}')}
    assert firing >= FIRING
    assert not firing & {"LatencyBudgetBurns", "GatewayDown", "ModelDown", "AutomationDead"}
