"""Which notices an outage and its end give, when, and how often."""

from typing import Any

import pytest

from intermodal.platform.errors import Unavailable
from intermodal.platform.resilience.failover import Outage, fail_over
from intermodal.platform.resilience.recovery import recover
from tests.failover_world import MODEL, NAME, build_world
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
    world = build_world(**fields)
    deploy, texts = world.targets[GCP].deploy, list[list[str]]()

    def deploying(request: Any) -> Any:
        texts.append([notice.text for notice in world.notices])
        return deploy(request)

    world.targets[GCP].deploy = deploying  # type: ignore[method-assign]
    world.kill_cloud("aws")
    world.run_until_stable()
    assert texts[0] == [f"{sentence} Incident {world.incidents.all()[0].id}."]


def test_unforeseen_error_is_notified_once(monkeypatch: pytest.MonkeyPatch) -> None:
    world, outage = build_world(), Outage("flight_delay-aws.sagemaker-1", AWS, 1.0)
    world.kill_cloud("aws")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(world.gateway, "shift", full)
        for _ in range(2):
            with pytest.raises(OSError, match="No space left"):
                fail_over(world.ports(), world.spec, outage)
    assert [notice.severity for notice in world.notices] == ["page", "page"]
    assert "No space left on device" in world.notices[0].text
    assert world.notices[1].title == "flight_delay lacks the capacity of aws/sagemaker"
    fail_over(world.ports(), world.spec, outage)
    assert len({notice.key for notice in world.notices}) == len(world.notices) == 3


def test_notice_is_sent_when_nothing_can_be_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    world = build_world()
    world.kill_cloud("aws")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(world.incidents, "note", full)
    with pytest.raises(OSError, match="No space left"):
        fail_over(world.ports(), world.spec, Outage("flight_delay-aws.sagemaker-1", AWS, 1.0))
    assert [notice.title for notice in world.notices] == ["aws/sagemaker cannot serve flight_delay"]


def test_missing_capacity_is_notified_once_and_tried_again() -> None:
    world = build_world()
    world.targets[GCP].broken = world.targets[AZURE].broken = "quota exceeded"
    world.kill_cloud("aws")
    for _ in range(6):
        world.tick()
    assert len(world.failures) > 1
    assert [(notice.severity, notice.title) for notice in world.notices] == [
        ("page", "aws/sagemaker cannot serve flight_delay"),
        ("page", "flight_delay lacks the capacity of aws/sagemaker"),
    ]
    assert "could not be replaced yet: azure/ml: quota exceeded" in world.notices[1].text
    assert world.gateway.routes[MODEL].weights[AWS] == 0
    world.targets[GCP].broken = ""
    world.run_until_stable()
    assert world.targets[GCP].replicas == {NAME: 2}
    assert [notice.title for notice in world.notices[2:]] == [
        "flight_delay has its capacity again without aws/sagemaker"
    ]


def test_all_clouds_unavailable_keeps_the_weights_and_pages() -> None:
    world = build_world()
    world.kill_cloud("aws", "gcp", "azure")
    world.run_until_stable()
    assert len(world.incidents.all(open_only=True)) == 3
    assert sum(world.gateway.routes[MODEL].weights.values()) == 100
    left = dict(world.gateway.routes[MODEL].weights)
    world.run_until_stable()
    assert world.gateway.routes[MODEL].weights == left
    assert sum(notice.key.endswith("-down") for notice in world.notices) == 3
    assert len({notice.key for notice in world.notices}) == len(world.notices)
    world.revive("azure")
    world.run_until_stable()
    assert world.gateway.routes[MODEL].weights == {AWS: 0, GCP: 0, AZURE: 100}
    assert world.targets[AZURE].replicas == {NAME: 3}
    world.revive("aws", "gcp")
    world.run_until_stable()
    assert not world.incidents.all(open_only=True)
    assert world.gateway.routes[MODEL].weights == {AWS: 34, GCP: 33, AZURE: 33}


def test_failing_notifier_stops_nothing_and_is_tried_again() -> None:
    world = build_world()
    world.notifier.failing = 3
    world.kill_cloud("aws")
    world.run_until_stable()
    assert world.gateway.routes[MODEL].weights[AWS] == 0
    assert world.requested["failover"] == 3
    assert [notice.key.rpartition("-")[2] for notice in world.notices] == ["capacity", "down"]
    assert world.failures == []


def test_undelivered_recovery_notice_is_sent_later() -> None:
    world = build_world()
    world.kill_cloud("aws")
    world.run_until_stable()
    world.revive("aws")
    world.notifier.failing = 2
    world.run_until_stable()
    assert not world.incidents.all(open_only=True)
    assert world.notifier.failing == 0
    assert [notice.title for notice in world.notices[2:]] == ["aws/sagemaker serves flight_delay again"]
    assert world.requested["recover"] == 3


def test_incident_closes_when_no_notice_can_be_delivered() -> None:
    world = build_world()
    world.kill_cloud("aws")
    world.run_until_stable()
    world.revive("aws")
    world.notifier.failing = 1000
    world.run_until_stable()
    (incident,) = world.incidents.all()
    assert not incident.is_open
    assert incident.has("note", "not-notified-back")
    assert any(
        "The notification that aws/sagemaker serves flight_delay again was not delivered" in text
        for text in world.failures
    )


def test_missing_recipient_is_noted() -> None:
    world = build_world()
    world.notifier.configured = False
    world.kill_cloud("aws")
    world.run_until_stable()
    notified = next(entry for entry in world.incidents.all()[0].entries if entry.step == "notified")
    assert notified.text == "aws/sagemaker cannot serve flight_delay (no recipient is configured: INTERMODAL_NOTIFY)"
    assert world.requested["failover"] == 1


def test_surge_that_is_never_scaled_down_is_notified() -> None:
    world = build_world()
    world.kill_cloud("aws")
    world.run_until_stable()
    world.revive("aws")
    world.targets[GCP].broken = "the container exited with 1"
    world.run_until_stable()
    assert not world.incidents.all(open_only=True)
    assert [notice.title for notice in world.notices[2:]] == [
        "More of flight_delay than is needed runs on gcp/cloud-run",
        "aws/sagemaker serves flight_delay again",
    ]


def test_recovery_that_keeps_failing_is_notified_once() -> None:
    world = build_world()
    world.kill_cloud("aws")
    world.run_until_stable()
    world.revive("aws")
    world.gateway.drills[AWS] = object()  # type: ignore[assignment]
    (incident,) = world.incidents.all()
    for number in range(5):
        with pytest.raises(Unavailable, match="still gets no answer from aws/sagemaker"):
            recover(world.ports(), world.spec, incident.id)
        fail_over(world.ports(), world.spec, Outage(incident.id, AWS, incident.opened_at))
        assert len(world.notices) == (2 if number < 2 else 3)
    assert world.notices[2].severity == "warning"
    assert world.notices[2].title == "aws/sagemaker answers, but cannot be brought back to serve flight_delay"
    assert "failed 3 times" in world.notices[2].text
    assert "still gets no answer from aws/sagemaker" in world.notices[2].text
