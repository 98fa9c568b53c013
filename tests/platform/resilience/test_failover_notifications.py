"""Which notices an outage and its end give, when, and how often."""

from typing import Any

import pytest

from intermodal.platform.errors import Unavailable
from intermodal.platform.resilience.failover import Outage, fail_over
from intermodal.platform.resilience.recovery import recover
from tests.failover_world import MODEL, NAME
from tests.failover_world import world as build
from tests.targets import AWS, AZURE, GCP


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "Its traffic went to the other targets; gcp/cloud-run will replace its capacity."),
        (
            {"serve": ["aws/sagemaker", "gcp/cloud-run"], "failover": {"cold": ["gcp"]}},
            "No other target serves it yet; gcp/cloud-run will replace its capacity.",
        ),
    ],
    ids=["warm", "only a cold one is left"],
)
def test_notice_is_sent_before_the_capacity_is_replaced(fields: dict[str, Any], sentence: str) -> None:
    at = build(**fields)
    deploy, texts = at.targets[GCP].deploy, list[list[str]]()

    def deploying(request: Any) -> Any:
        texts.append([notice.text for notice in at.told])
        return deploy(request)

    at.targets[GCP].deploy = deploying  # type: ignore[method-assign]
    at.kill_cloud("aws")
    at.settle()
    assert texts[0] == [f"{sentence} Incident {at.incidents.all()[0].id}."]


def test_unforeseen_error_is_notified_once(monkeypatch: pytest.MonkeyPatch) -> None:
    at, outage = build(), Outage("flight_delay-aws.sagemaker-1", AWS, 1.0)
    at.kill_cloud("aws")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(at.gateway, "shift", full)
        for _ in range(2):
            with pytest.raises(OSError, match="No space left"):
                fail_over(at.ports(), at.spec, outage)
    assert [notice.severity for notice in at.told] == ["page", "page"]
    assert "No space left on device" in at.told[0].text
    assert at.told[1].title == "flight_delay lacks the capacity of aws/sagemaker"
    fail_over(at.ports(), at.spec, outage)
    assert len({notice.key for notice in at.told}) == len(at.told) == 3


def test_notice_is_sent_when_nothing_can_be_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    at = build()
    at.kill_cloud("aws")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(at.incidents, "note", full)
    with pytest.raises(OSError, match="No space left"):
        fail_over(at.ports(), at.spec, Outage("flight_delay-aws.sagemaker-1", AWS, 1.0))
    assert [notice.title for notice in at.told] == ["aws/sagemaker cannot serve flight_delay"]


def test_missing_capacity_is_notified_once_and_tried_again() -> None:
    at = build()
    at.targets[GCP].broken = at.targets[AZURE].broken = "quota exceeded"
    at.kill_cloud("aws")
    for _ in range(6):
        at.tick()
    assert len(at.failures) > 1
    assert [(notice.severity, notice.title) for notice in at.told] == [
        ("page", "aws/sagemaker cannot serve flight_delay"),
        ("page", "flight_delay lacks the capacity of aws/sagemaker"),
    ]
    assert "could not be replaced yet: azure/ml: quota exceeded" in at.told[1].text
    assert at.gateway.routes[MODEL].weights[AWS] == 0
    at.targets[GCP].broken = ""
    at.settle()
    assert at.targets[GCP].replicas == {NAME: 2}
    assert [notice.title for notice in at.told[2:]] == ["flight_delay has its capacity again without aws/sagemaker"]


def test_all_clouds_unavailable_keeps_the_weights_and_pages() -> None:
    at = build()
    at.kill_cloud("aws", "gcp", "azure")
    at.settle()
    assert len(at.incidents.all(open_only=True)) == 3
    assert sum(at.gateway.routes[MODEL].weights.values()) == 100
    left = dict(at.gateway.routes[MODEL].weights)
    at.settle()
    assert at.gateway.routes[MODEL].weights == left
    assert sum(notice.key.endswith("-down") for notice in at.told) == 3
    assert len({notice.key for notice in at.told}) == len(at.told)
    at.revive("azure")
    at.settle()
    assert at.gateway.routes[MODEL].weights == {AWS: 0, GCP: 0, AZURE: 100}
    assert at.targets[AZURE].replicas == {NAME: 3}
    at.revive("aws", "gcp")
    at.settle()
    assert not at.incidents.all(open_only=True)
    assert at.gateway.routes[MODEL].weights == {AWS: 34, GCP: 33, AZURE: 33}


def test_failing_notifier_stops_nothing_and_is_tried_again() -> None:
    at = build()
    at.notifier.failing = 3
    at.kill_cloud("aws")
    at.settle()
    assert at.gateway.routes[MODEL].weights[AWS] == 0
    assert at.asked["failover"] == 3
    assert [notice.key.rpartition("-")[2] for notice in at.told] == ["capacity", "down"]
    assert at.failures == []


def test_undelivered_recovery_notice_is_sent_later() -> None:
    at = build()
    at.kill_cloud("aws")
    at.settle()
    at.revive("aws")
    at.notifier.failing = 2
    at.settle()
    assert not at.incidents.all(open_only=True)
    assert at.notifier.failing == 0
    assert [notice.title for notice in at.told[2:]] == ["aws/sagemaker serves flight_delay again"]
    assert at.asked["recover"] == 3


def test_incident_closes_when_no_notice_can_be_delivered() -> None:
    at = build()
    at.kill_cloud("aws")
    at.settle()
    at.revive("aws")
    at.notifier.failing = 1000
    at.settle()
    (incident,) = at.incidents.all()
    assert not incident.is_open
    assert incident.has("note", "not-notified-back")
    assert any(
        "The notification that aws/sagemaker serves flight_delay again was not delivered" in text
        for text in at.failures
    )


def test_missing_recipient_is_noted() -> None:
    at = build()
    at.notifier.configured = False
    at.kill_cloud("aws")
    at.settle()
    told = next(entry for entry in at.incidents.all()[0].entries if entry.step == "notified")
    assert told.text == "no recipient is configured (INTERMODAL_NOTIFY): aws/sagemaker cannot serve flight_delay"
    assert at.asked["failover"] == 1


def test_surge_that_is_never_scaled_down_is_notified() -> None:
    at = build()
    at.kill_cloud("aws")
    at.settle()
    at.revive("aws")
    at.targets[GCP].broken = "the container exited with 1"
    at.settle()
    assert not at.incidents.all(open_only=True)
    assert [notice.title for notice in at.told[2:]] == [
        "More of flight_delay than is needed runs on gcp/cloud-run",
        "aws/sagemaker serves flight_delay again",
    ]


def test_recovery_that_keeps_failing_is_notified_once() -> None:
    at = build()
    at.kill_cloud("aws")
    at.settle()
    at.revive("aws")
    at.gateway.drills[AWS] = object()  # type: ignore[assignment]
    (incident,) = at.incidents.all()
    for number in range(5):
        with pytest.raises(Unavailable, match="still gets no answer from aws/sagemaker"):
            recover(at.ports(), at.spec, incident.id)
        fail_over(at.ports(), at.spec, Outage(incident.id, AWS, incident.opened_at))
        assert len(at.told) == (2 if number < 2 else 3)
    assert at.told[2].severity == "warning"
    assert at.told[2].title == "aws/sagemaker answers, but cannot be brought back to serve flight_delay"
    assert "failed 3 times" in at.told[2].text
    assert "still gets no answer from aws/sagemaker" in at.told[2].text
