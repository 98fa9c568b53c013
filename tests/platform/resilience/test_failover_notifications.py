"""Who is told of an outage and of its end, when, and how often."""

from typing import Any

import pytest

from intermodal.platform.errors import Unavailable
from intermodal.platform.resilience.failover import Outage, fail_over
from intermodal.platform.resilience.recovery import recover
from tests.failover_world import MODEL, NAME
from tests.failover_world import world as build


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "Its traffic went to the other clouds; gcp will replace its capacity."),
        (
            {"serve": ["aws/sagemaker", "gcp/cloud-run"], "failover": {"cold": ["gcp"]}},
            "Nobody else serves it yet; gcp will replace its capacity.",
        ),
    ],
    ids=["warm", "only a cold one is left"],
)
def test_people_are_told_before_the_capacity_is_replaced(fields: dict[str, Any], said: str) -> None:
    at = build(**fields)
    deploy, texts = at.targets["gcp"].deploy, list[list[str]]()

    def deploying(request: Any) -> Any:
        texts.append([notice.text for notice in at.told])
        return deploy(request)

    at.targets["gcp"].deploy = deploying  # type: ignore[method-assign]
    at.kill_cloud("aws")
    at.settle()
    assert texts[0] == [f"{said} Incident {at.incidents.all()[0].id}."]


def test_people_are_told_of_what_nobody_foresaw_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    at, outage = build(), Outage("flight_delay-aws-1", "aws", 1.0)
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
    assert at.told[1].title == "flight_delay lacks the capacity of aws"
    fail_over(at.ports(), at.spec, outage)
    assert len({notice.key for notice in at.told}) == len(at.told) == 3


def test_people_are_told_even_if_nothing_can_be_written_down(monkeypatch: pytest.MonkeyPatch) -> None:
    at = build()
    at.kill_cloud("aws")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(at.incidents, "note", full)
    with pytest.raises(OSError, match="No space left"):
        fail_over(at.ports(), at.spec, Outage("flight_delay-aws-1", "aws", 1.0))
    assert [notice.title for notice in at.told] == ["aws cannot serve flight_delay"]


def test_when_nobody_can_take_over_people_are_told_once_and_it_is_tried_again() -> None:
    at = build()
    at.targets["gcp"].broken = at.targets["azure"].broken = "quota exceeded"
    at.kill_cloud("aws")
    for _ in range(6):
        at.tick()
    assert len(at.failures) > 1
    assert [(notice.severity, notice.title) for notice in at.told] == [
        ("page", "aws cannot serve flight_delay"),
        ("page", "flight_delay lacks the capacity of aws"),
    ]
    assert "could not be replaced yet: azure/ml: quota exceeded" in at.told[1].text
    assert at.gateway.routes[MODEL].weights["aws"] == 0
    at.targets["gcp"].broken = ""
    at.settle()
    assert at.targets["gcp"].replicas == {NAME: 2}
    assert [notice.title for notice in at.told[2:]] == ["flight_delay has its capacity again without aws"]


def test_all_clouds_gone_leaves_the_weights_and_pages_people() -> None:
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
    assert at.gateway.routes[MODEL].weights == {"aws": 0, "gcp": 0, "azure": 100}
    assert at.targets["azure"].replicas == {NAME: 3}
    at.revive("aws", "gcp")
    at.settle()
    assert not at.incidents.all(open_only=True)
    assert at.gateway.routes[MODEL].weights == {"aws": 34, "gcp": 33, "azure": 33}


def test_a_notifier_that_fails_stops_nothing_and_is_tried_again() -> None:
    at = build()
    at.notifier.failing = 3
    at.kill_cloud("aws")
    at.settle()
    assert at.gateway.routes[MODEL].weights["aws"] == 0
    assert at.asked["failover"] == 3
    assert [notice.key.rpartition("-")[2] for notice in at.told] == ["capacity", "down"]
    assert at.failures == []


def test_people_who_could_not_be_told_that_it_is_back_are_told_later() -> None:
    at = build()
    at.kill_cloud("aws")
    at.settle()
    at.revive("aws")
    at.notifier.failing = 2
    at.settle()
    assert not at.incidents.all(open_only=True)
    assert at.notifier.failing == 0
    assert [notice.title for notice in at.told[2:]] == ["aws serves flight_delay again"]
    assert at.asked["recover"] == 3


def test_an_incident_does_not_stay_open_because_nobody_can_ever_be_told() -> None:
    at = build()
    at.kill_cloud("aws")
    at.settle()
    at.revive("aws")
    at.notifier.failing = 1000
    at.settle()
    (incident,) = at.incidents.all()
    assert not incident.is_open
    assert incident.has("note", "not-told-back")
    assert any("Nobody could be told that aws serves flight_delay again" in text for text in at.failures)


def test_that_nobody_is_configured_is_written_down() -> None:
    at = build()
    at.notifier.configured = False
    at.kill_cloud("aws")
    at.settle()
    told = next(entry for entry in at.incidents.all()[0].entries if entry.step == "told")
    assert told.text == "nobody is configured to be told (INTERMODAL_NOTIFY): aws cannot serve flight_delay"
    assert at.asked["failover"] == 1


def test_people_are_asked_about_a_helper_that_never_goes_back() -> None:
    at = build()
    at.kill_cloud("aws")
    at.settle()
    at.revive("aws")
    at.targets["gcp"].broken = "the container exited with 1"
    at.settle()
    assert not at.incidents.all(open_only=True)
    assert [notice.title for notice in at.told[2:]] == [
        "More of flight_delay than is needed runs on gcp",
        "aws serves flight_delay again",
    ]


def test_people_are_told_once_of_a_recovery_that_keeps_failing() -> None:
    at = build()
    at.kill_cloud("aws")
    at.settle()
    at.revive("aws")
    at.gateway.drills["aws"] = object()  # type: ignore[assignment]
    (incident,) = at.incidents.all()
    for number in range(5):
        with pytest.raises(Unavailable, match="still gets no answer from aws"):
            recover(at.ports(), at.spec, incident.id)
        fail_over(at.ports(), at.spec, Outage(incident.id, "aws", incident.opened_at))
        assert len(at.told) == (2 if number < 2 else 3)
    assert at.told[2].severity == "warning"
    assert at.told[2].title == "aws answers, but cannot be brought back to serve flight_delay"
    assert "failed 3 times" in at.told[2].text
    assert "still gets no answer from aws" in at.told[2].text
