"""A real Alertmanager, with the configuration of deploy/, groups alerts into notifications."""

import time
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from intermodal.platform.targets import Target
from tests.deploy.live import Live, labels
from tests.targets import AWS, AWS_EU, EKS, GCP

SECONDS = 20.0


def _alert(name: str, model: str, target: Target | None = None, severity: str = "warning") -> dict[str, Any]:
    where = labels(target) if target else {}
    return {"labels": {"alertname": name, "model": model, "severity": severity, "test": "grouping", **where}}


def _send(prometheus: Live, *alerts: Mapping[str, Any]) -> None:
    httpx.post(f"{prometheus.alertmanager}/api/v2/alerts", json=alerts, trust_env=False).raise_for_status()


def _groups(prometheus: Live) -> list[dict[str, Any]]:
    """Groups of this module's alerts, as Alertmanager makes a notification of each."""
    address = f"{prometheus.alertmanager}/api/v2/alerts/groups"
    return list(httpx.get(address, params={"filter": 'test="grouping"'}, trust_env=False).json())


@pytest.fixture(scope="module")
def groups(prometheus: Live) -> list[dict[str, Any]]:
    sent = [
        *(_alert("UpstreamDown", model, target) for model in ("a", "b") for target in (AWS, AWS_EU, EKS)),
        _alert("TargetFailsMoreThanOthers", "a", AWS),
        _alert("IncidentOpen", "a", AWS),
        _alert("UpstreamDown", "a", GCP),
        _alert("DataDrifted", "a"),
        _alert("DataDrifted", "b"),
        _alert("UpstreamDown", "none", GCP),
        _alert("ModelDown", "none", severity="page"),
    ]
    _send(prometheus, *sent)
    deadline = time.monotonic() + SECONDS
    while sum(len(group["alerts"]) for group in _groups(prometheus)) < len(sent) or not _inhibited(_groups(prometheus)):
        assert time.monotonic() < deadline, _groups(prometheus)
        time.sleep(0.1)
    return _groups(prometheus)


def _inhibited(groups: list[dict[str, Any]]) -> set[tuple[str, str]]:
    alerts = [alert for group in groups for alert in group["alerts"] if alert["status"]["inhibitedBy"]]
    return {(alert["labels"]["alertname"], alert["labels"]["model"]) for alert in alerts}


def test_targets_of_one_cloud_are_one_notification(groups: list[dict[str, Any]]) -> None:
    (aws,) = [group for group in groups if group["labels"].get("cloud") == "aws"]
    assert aws["labels"] == {"cloud": "aws"}
    assert {alert["labels"]["target"] for alert in aws["alerts"]} == {str(AWS), str(AWS_EU), str(EKS)}
    assert {alert["labels"]["model"] for alert in aws["alerts"]} == {"a", "b"}
    (gcp,) = [group for group in groups if group["labels"].get("cloud") == "gcp"]
    assert {alert["labels"]["target"] for alert in gcp["alerts"]} == {str(GCP)}


def test_alerts_without_cloud_are_a_notification_per_model(groups: list[dict[str, Any]]) -> None:
    others = [group["labels"] for group in groups if "cloud" not in group["labels"]]
    assert sorted(others, key=str) == [
        {"alertname": "DataDrifted", "model": "a"},
        {"alertname": "DataDrifted", "model": "b"},
        {"alertname": "ModelDown", "model": "none"},
    ]


def test_alerts_that_another_makes_superfluous_are_inhibited(groups: list[dict[str, Any]]) -> None:
    assert _inhibited(groups) == {("TargetFailsMoreThanOthers", "a"), ("UpstreamDown", "none")}
