"""The configuration is valid (promtool, amtool), the alerts' own tests (``rules/*.test.yml``), and their runbooks."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from intermodal.cli import main
from intermodal.platform.targets import Target
from intermodal.resources.envoy.stats.config import BUCKETS_MS
from tests.targets import AWS, AWS_EU

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
DEPLOY, RUNBOOKS = ROOT / "deploy", ROOT / "docs" / "runbooks"


def _run(*command: str | Path) -> None:
    if not shutil.which(str(command[0])):
        pytest.fail(f"{command[0]} is not installed: apt-get install prometheus prometheus-alertmanager")
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("test", sorted((HERE / "rules").glob("*.test.yml")), ids=lambda path: path.stem)
def test_alerts_fire_and_resolve(test: Path) -> None:
    _run("promtool", "test", "rules", test)


def _rewritten(bound_us: float) -> str:
    """As Prometheus 3 writes a bucket's bound: Go's shortest ``g``, with an exponent from 1e6 on as Python's has."""
    written = f"{bound_us:g}"
    return written if "e" in written or "." in written else f"{written}.0"


def test_objective_can_be_every_bucket(tmp_path: Path) -> None:
    """Under the label that Prometheus 2 keeps (Envoy writes ``:.32g``) and under that of Prometheus 3."""
    bounds = {f"m{number:02}": bound * 1000 for number, bound in enumerate(BUCKETS_MS)}
    objectives = [
        {"series": f'intermodal_objective_p95_seconds{{model="{model}"}}', "values": f"{bound / 1e6:.7f}x10"}
        for model, bound in bounds.items()
    ]
    test = {
        "rule_files": [str(DEPLOY / "prometheus" / "rules" / "recording.yml")],
        "tests": [
            {
                "input_series": objectives,
                "promql_expr_test": [
                    {
                        "expr": record,
                        "eval_time": "5m",
                        "exp_samples": [
                            {"labels": f'{record}{{model="{model}", le="{label(bound)}"}}', "value": 1}
                            for model, bound in bounds.items()
                        ],
                    }
                    for record, label in (
                        ("intermodal:objective:le", "{:.32g}".format),
                        ("intermodal:objective:le_float", _rewritten),
                    )
                ],
            }
        ],
    }
    (tmp_path / "bounds.test.yml").write_text(yaml.safe_dump(test))
    _run("promtool", "test", "rules", tmp_path / "bounds.test.yml")


def test_prometheus_configuration_is_valid() -> None:
    _run("promtool", "check", "config", DEPLOY / "prometheus" / "prometheus.yml")


@pytest.mark.parametrize("target", [AWS, AWS_EU], ids=str)
def test_gateway_scrape_filter_selects_only_what_is_used(target: Target) -> None:
    """Names as Envoy 1.40 has them; a cluster is named after its upstream and a key of twelve hex digits."""
    jobs = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]
    (names,) = next(job for job in jobs if job["job_name"] == "gateway")["params"]["filter"]
    cluster = f"cluster.flight_delay/{target}/0123456789ab"
    order = f"cluster.flight_delay/{target}/first/0123456789ab"
    for name in (f"intermodal.tries_total.model.flight_delay.target.{target}", f"{cluster}.membership_healthy"):
        assert re.search(names, name), name
    for name in (
        f"{cluster}/endpoint.membership_healthy",
        f"{order}.membership_healthy",
        f"{cluster}.upstream_cx_total",
    ):
        assert not re.search(names, name), name


def test_prometheus_kubernetes_job_is_valid(tmp_path: Path) -> None:
    """All but its discovery, which Debian's build does not have."""
    document = yaml.safe_load((DEPLOY / "prometheus" / "kubernetes.yml").read_text())
    (job,) = document["scrape_configs"]
    assert job.pop("kubernetes_sd_configs") == [{"role": "pod"}]
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(document))
    _run("promtool", "check", "config", tmp_path / "prometheus.yml")


def test_alertmanager_configuration_is_valid() -> None:
    _run("amtool", "check-config", DEPLOY / "alertmanager" / "alertmanager.yml")


def _alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load((DEPLOY / "prometheus" / "rules" / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


@pytest.mark.parametrize("rule", _alerts(), ids=lambda rule: f"{rule['alert']}-{rule['labels']['severity']}")
def test_alert_states_severity_impact_first_step_and_runbook(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("page", "warning")
    assert set(rule["annotations"]) == {"summary", "description", "runbook"}
    assert re.fullmatch(r"Impact: .+ First step: .+", rule["annotations"]["description"])
    assert rule["annotations"]["runbook"] == f"docs/runbooks/{rule['alert']}.md"


def queries_of(runbook: str) -> list[str]:
    """A line of a block in PromQL is a query."""
    blocks = re.findall(r"```promql\n(.+?)```", runbook, re.DOTALL)
    return [query for block in blocks for query in block.splitlines()]


SECTIONS = ["Meaning", "Impact", "Verify", "What to do", "When to escalate"]


OF_NOTICES = {"OverloadOrBlindness", "PackageDiffers"}
"""Runbooks of what incidents and notices name. No series of Prometheus shows it, so no alert fires."""


def test_runbooks_are_the_alerts_and_those_of_notices() -> None:
    pages = {path.stem for path in RUNBOOKS.glob("*.md")} - {"index"}
    assert pages == {rule["alert"] for rule in _alerts()} | OF_NOTICES


@pytest.mark.parametrize("name", sorted({rule["alert"] for rule in _alerts()}))
def test_runbook_has_all_sections_and_queries_that_parse(name: str, tmp_path: Path) -> None:
    text = (RUNBOOKS / f"{name}.md").read_text()
    assert text.startswith(f"# {name}\n")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS
    queries = queries_of(text)
    assert queries
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(queries)]
    (tmp_path / "queries.yml").write_text(yaml.safe_dump({"groups": [{"name": name, "rules": rules}]}))
    _run("promtool", "check", "rules", tmp_path / "queries.yml")


def test_runbook_commands_exist() -> None:
    """The names of the commands only: their arguments are tested with them."""
    for path in RUNBOOKS.glob("*.md"):
        used = set(re.findall(r"\bintermodal ([a-z]+)\b", path.read_text()))
        assert used <= set(main.commands), path


def test_alerts_all_have_a_test() -> None:
    tests = [yaml.safe_load(path.read_text()) for path in (HERE / "rules").glob("*.test.yml")]
    fired = {
        case["alertname"]
        for file in tests
        for test in file["tests"]
        for case in test.get("alert_rule_test", [])
        if case["exp_alerts"]
    }
    assert fired == {rule["alert"] for rule in _alerts()}
