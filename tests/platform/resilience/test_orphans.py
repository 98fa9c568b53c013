"""Which endpoints nobody uses."""

import pytest

from intermodal.platform.ports.endpoints import Endpoint, State
from intermodal.platform.ports.gateway import Route
from intermodal.platform.ports.incidents import Entry, Incident, Step
from intermodal.platform.resilience.orphans import Uses, helpers_left
from intermodal.platform.targets import Cloud, Target


def endpoint(version: str, state: State = "ready") -> Endpoint:
    return Endpoint(Target("aws", "sagemaker"), f"m-{version}", "m", version, "", state)


def routed(version: str, cloud: Cloud = "aws") -> Route:
    return Route("m", version, {cloud: 1}, {}, "{}")


NOTHING = Uses({}, {}, frozenset(), frozenset())


@pytest.mark.parametrize(
    ("uses", "use"),
    [
        (NOTHING, ""),
        (Uses({"m": routed("2")}, {"m": "2"}, (), ()), "its version is on the route"),
        (Uses({"m": routed("2", "gcp")}, {"m": "2"}, (), ()), ""),  # its cloud left the route
        (Uses({"m": routed("1")}, {"m": "2"}, (), ()), ""),  # the champion, whose deployment died
        (Uses({}, {"m": "2"}, (), ()), "m has no route, and this may be its champion"),
        (Uses({}, {"m": "3"}, (), ()), ""),
        (Uses({}, None, (), ()), "m has no route, and this may be its champion"),
        (Uses({"m": routed("1")}, None, (), ()), ""),
        (Uses({"m": routed("1")}, {}, ("m",), ()), "a run of m is in progress"),
        (Uses({"m": routed("1")}, {}, ("n",), ()), ""),
        (Uses({"m": routed("1")}, {}, (), (("m", "aws"),)), "an incident of m on aws is open"),
        (Uses({"m": routed("1")}, {}, (), (("m", "gcp"),)), ""),
    ],
)
def test_what_an_endpoint_is_for(uses: Uses, use: str) -> None:
    assert uses.use_of(endpoint("2")) == use


def test_what_is_being_deleted_is_left_alone() -> None:
    assert NOTHING.use_of(endpoint("2", "deleting")) == "it is being deleted"


def incident(model: str, *entries: tuple[Step, str], closed: bool = True) -> Incident:
    noted = tuple(Entry(1.0, step, key, "") for step, key in entries)
    return Incident(f"{model}-aws-1", model, "aws", 1.0, noted, 2.0 if closed else None)


@pytest.mark.parametrize(
    ("known", "busy", "clouds"),
    [
        ([incident("m", ("told", "left-0"))], (), ["gcp", "azure"]),
        ([incident("m", ("note", "not-told-left-1"))], (), ["gcp", "azure"]),
        ([incident("m", ("told", "left-0"), ("note", "rested-gcp"))], (), ["azure"]),
        ([incident("m", ("note", "left-0"))], (), []),  # another try of the recovery did it
        ([incident("m", ("told", "left-0"), closed=False)], (), []),
        ([incident("m", ("told", "left-0"))], ("m",), []),
        ([incident("m", ("told", "left-0")), incident("n", closed=False)], (), ["gcp", "azure"]),
        ([incident("m", ("told", "down"), ("told", "back"))], (), []),
    ],
)
def test_which_helpers_may_have_been_left(known: list[Incident], busy: tuple[str, ...], clouds: list[str]) -> None:
    assert [one.cloud for one in helpers_left(known, busy)] == clouds
