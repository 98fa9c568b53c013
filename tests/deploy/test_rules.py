"""What promtool and amtool say of the configuration, and the alerts' own tests (``rules/*.test.yml``)."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from intermodal.platform.ports.endpoints import Upstream
from intermodal.resources.envoy.stats.config import BUCKETS_MS
from intermodal.resources.envoy.upstream import lane_of

HERE = Path(__file__).parent
DEPLOY = HERE.parents[1] / "deploy"


def _run(*command: str | Path) -> None:
    if not shutil.which(str(command[0])):
        pytest.fail(f"{command[0]} is not installed: apt-get install prometheus prometheus-alertmanager")
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("test", sorted((HERE / "rules").glob("*.test.yml")), ids=lambda path: path.stem)
def test_alerts_come_and_go(test: Path) -> None:
    _run("promtool", "test", "rules", test)


def _rewritten(bound_us: float) -> str:
    """As Prometheus 3 writes a bucket's bound: Go's shortest ``g``, with an exponent from 1e6 on as Python's has."""
    written = f"{bound_us:g}"
    return written if "e" in written or "." in written else f"{written}.0"


def test_every_bucket_can_be_the_objective(tmp_path: Path) -> None:
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


def test_prometheus_takes_its_configuration() -> None:
    _run("promtool", "check", "config", DEPLOY / "prometheus" / "prometheus.yml")


def test_of_the_gateway_only_what_is_used_is_asked() -> None:
    """Names as Envoy 1.40 has them, a cluster's after its lane."""
    jobs = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]
    (asked,) = next(job for job in jobs if job["job_name"] == "gateway")["params"]["filter"]
    lane = lane_of("flight_delay", Upstream("aws", "1.0.0", "http://127.0.0.1:1/x"))
    for name in ("intermodal.tries_total.model.flight_delay.cloud.aws", f"cluster.{lane.name}.membership_healthy"):
        assert re.search(asked, name), name
    for name in (f"cluster.{lane.endpoint}.membership_healthy", f"cluster.{lane.name}.upstream_cx_total"):
        assert not re.search(asked, name), name


def test_prometheus_takes_the_job_for_kubernetes(tmp_path: Path) -> None:
    """All but its discovery, which Debian's build does not have."""
    document = yaml.safe_load((DEPLOY / "prometheus" / "kubernetes.yml").read_text())
    (job,) = document["scrape_configs"]
    assert job.pop("kubernetes_sd_configs") == [{"role": "pod"}]
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(document))
    _run("promtool", "check", "config", tmp_path / "prometheus.yml")


def test_alertmanager_takes_its_configuration() -> None:
    _run("amtool", "check-config", DEPLOY / "alertmanager" / "alertmanager.yml")


def _alerts() -> list[dict[str, dict[str, str]]]:
    groups = yaml.safe_load((DEPLOY / "prometheus" / "rules" / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_every_alert_says_how_bad_it_is_and_what_to_do() -> None:
    for rule in _alerts():
        assert rule["labels"]["severity"] in ("page", "warning"), rule
        assert set(rule["annotations"]) == {"summary", "do"}, rule


def test_every_alert_has_a_test() -> None:
    tests = [yaml.safe_load(path.read_text()) for path in (HERE / "rules").glob("*.test.yml")]
    fired = {
        case["alertname"]
        for file in tests
        for test in file["tests"]
        for case in test["alert_rule_test"]
        if case["exp_alerts"]
    }
    assert fired == {rule["alert"] for rule in _alerts()}
