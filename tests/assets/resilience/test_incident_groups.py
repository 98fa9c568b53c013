"""Incidents of one site that began together are one line for each step."""

from intermodal.assets.resilience.incidents import incidents_metadata
from intermodal.platform.ports.incidents import Entry, Incident, Step, incident_id
from intermodal.platform.resilience.timeline import grouped, incident_events
from intermodal.platform.targets import Target
from tests.targets import AWS, AWS_EU, EKS, GCP


def incident(target: Target, onset: float, *steps: tuple[Step, float], closed: float | None = None) -> Incident:
    entries = tuple(Entry(moment, step, "0", f"{step}: {target}") for step, moment in steps)
    return Incident(incident_id("wine", target, onset), "wine", target, onset, entries, closed)


def test_grouped_incidents_of_a_site_together_are_a_group() -> None:
    known = [incident(AWS, 1000), incident(EKS, 1060), incident(GCP, 1001), incident(AWS_EU, 1002)]
    assert [group.targets for group in grouped(known)] == [
        "aws/eks, aws/sagemaker",
        "gcp/cloud-run",
        "aws/sagemaker@eu-west-1",
    ]


def test_grouped_later_or_repeated_incidents_are_separate() -> None:
    assert len(grouped([incident(AWS, 1000), incident(EKS, 1061)])) == 2
    again = grouped([incident(AWS, 1000, closed=1010), incident(AWS, 1020), incident(EKS, 1021)])
    assert [group.targets for group in again] == ["aws/eks, aws/sagemaker", "aws/sagemaker"]


def test_incident_events_name_the_targets_of_each_step() -> None:
    first = incident(AWS, 1000, ("detected", 1002), ("drained", 1003))
    second = incident(EKS, 1001, ("detected", 1001.5))
    assert [(event.time, event.what, event.text) for event in incident_events([first, second])] == [
        (1001.5, "incident aws/eks, aws/sagemaker", "detected: aws/sagemaker; detected: aws/eks"),
        (1003, "incident aws/sagemaker", "drained: aws/sagemaker"),
    ]


def test_incident_events_have_a_common_text_once() -> None:
    text = (Entry(1003, "drained", "0", "no traffic to aws/eks, aws/sagemaker"),)
    both = [Incident(str(target), "wine", target, 1000, text) for target in (AWS, EKS)]
    (event,) = incident_events(both)
    assert event.text == "no traffic to aws/eks, aws/sagemaker"


def test_group_step_is_done_when_all_incidents_did_it() -> None:
    first = incident(AWS, 1000, ("detected", 1002), ("capacity", 1010), closed=1100)
    second = incident(EKS, 1001, ("detected", 1003))
    found = incidents_metadata([first, second])
    assert (found["open"], found["incidents"], found["detected_seconds"]) == (1, 2, 3)
    assert not {"capacity_seconds", "closed_seconds"} & found.keys()
    assert "| wine-aws.sagemaker-1000 | aws/eks, aws/sagemaker | 1970-01-01 00:16:40 | 3 |  |  | open |" in str(
        found["table"].value
    )


def test_incidents_page_without_incidents_has_a_sentence() -> None:
    assert incidents_metadata([])["table"].value == "No target has failed."
