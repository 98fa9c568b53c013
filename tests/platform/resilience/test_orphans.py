"""Which endpoints have no use."""

import pytest

from intermodal.platform.ports.endpoints import Endpoint, State
from intermodal.platform.ports.gateway import Route
from intermodal.platform.ports.incidents import Entry, Incident, Step
from intermodal.platform.resilience.orphans import Uses, surges_left
from intermodal.platform.targets import Target
from tests.targets import AWS, AWS_EU, AZURE, EKS, GCP


def endpoint(version: str, state: State = "ready") -> Endpoint:
    return Endpoint(AWS, f"m-{version}", "m", version, "", state)


def routed(version: str, target: Target = AWS) -> Route:
    return Route("m", version, {target: 1}, {}, "{}")


NOTHING = Uses({}, {}, frozenset(), frozenset())


@pytest.mark.parametrize(
    ("uses", "use"),
    [
        (NOTHING, ""),
        (Uses({"m": routed("2")}, {"m": "2"}, (), ()), "its version is on the route"),
        (Uses({"m": routed("2", GCP)}, {"m": "2"}, (), ()), ""),  # its target left the route
        (Uses({"m": routed("2", AWS_EU)}, {"m": "2"}, (), ()), ""),  # another region of the same cloud
        (Uses({"m": routed("1")}, {"m": "2"}, (), ()), ""),  # the champion, whose deployment died
        (Uses({}, {"m": "2"}, (), ()), "m has no route, and this may be its champion"),
        (Uses({}, {"m": "3"}, (), ()), ""),
        (Uses({}, None, (), ()), "m has no route, and this may be its champion"),
        (Uses({"m": routed("1")}, None, (), ()), ""),
        (Uses({"m": routed("1")}, {}, ("m",), ()), "a run of m is in progress"),
        (Uses({"m": routed("1")}, {}, ("n",), ()), ""),
        (Uses({"m": routed("1")}, {}, (), (("m", AWS),)), "an incident of m on aws/sagemaker is open"),
        (Uses({"m": routed("1")}, {}, (), (("m", EKS),)), ""),
    ],
)
def test_use_of_an_endpoint_is_stated(uses: Uses, use: str) -> None:
    assert uses.use_of(endpoint("2")) == use


def test_use_of_an_endpoint_that_is_deleted_already() -> None:
    assert NOTHING.use_of(endpoint("2", "deleting")) == "it is being deleted"


def incident(model: str, *entries: tuple[Step, str], closed: bool = True) -> Incident:
    noted = tuple(Entry(1.0, step, key, "") for step, key in entries)
    return Incident(f"{model}-aws.sagemaker-1", model, AWS, 1.0, noted, 2.0 if closed else None)


@pytest.mark.parametrize(
    ("known", "busy", "targets"),
    [
        ([incident("m", ("notified", "left-0"))], (), [GCP, AZURE]),
        ([incident("m", ("note", "not-notified-left-1"))], (), [GCP, AZURE]),
        ([incident("m", ("notified", "left-0"), ("note", "scaled-down-gcp/cloud-run"))], (), [AZURE]),
        ([incident("m", ("note", "left-0"))], (), []),  # another try of the recovery did it
        ([incident("m", ("notified", "left-0"), closed=False)], (), []),
        ([incident("m", ("notified", "left-0"))], ("m",), []),
        ([incident("m", ("notified", "left-0")), incident("n", closed=False)], (), [GCP, AZURE]),
        ([incident("m", ("notified", "down"), ("notified", "back"))], (), []),
    ],
)
def test_surges_left_names_targets_that_may_run_too_much(
    known: list[Incident], busy: tuple[str, ...], targets: list[Target]
) -> None:
    assert [surge.target for surge in surges_left(known, busy, {"m": [AWS, GCP, AZURE]})] == targets
