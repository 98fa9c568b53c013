"""Which looks are evidence of an outage, and which of overload or blindness."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intermodal.platform.resilience.correlation import SelfView, dead, overload
from intermodal.platform.resilience.detection import DetectionPolicy, DetectionState, look
from intermodal.platform.resilience.trouble import Trouble, follow, withhold
from tests.targets import AWS, AWS_EU, AZURE, EKS, GCP

CLOUDS = (AWS, GCP, AZURE)


def test_overload_counts_clouds_not_upstreams() -> None:
    """Three of four upstreams are of one cloud: it is out."""
    bad = {("wine", target): target.cloud != "aws" for target in (AWS, EKS, AWS_EU, GCP)}
    assert overload(bad) is None
    assert overload({**bad, ("wine", GCP): False}) is not None


def test_overload_of_one_cloud_counts_its_sites() -> None:
    assert overload({("wine", AWS): False, ("wine", AWS_EU): True}) is None
    assert overload({("wine", AWS): False, ("wine", AWS_EU): False}) is not None


def test_dead_needs_a_silent_api_and_one_of_another_cloud_that_answers() -> None:
    bad = {("wine", AWS), ("wine", GCP)}
    assert dead(bad, {AWS: False, GCP: True}) == {("wine", AWS)}
    assert dead(bad, {AWS: False, GCP: False}) == frozenset()
    assert dead(bad, {AWS: False, AWS_EU: True}) == frozenset()


@pytest.mark.parametrize(("pressure", "late"), [({}, False), ({"cpu": 0.5}, False), ({"cpu": 0.9}, True)])
def test_pressure_halves_the_limits_and_is_no_sign_alone(pressure: dict[str, float], late: bool) -> None:
    assert bool(SelfView(0.15, 0.1, pressure).lateness()) == late
    assert not SelfView(0.01, 0.1, pressure).lateness()


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sets(st.sampled_from(CLOUDS)), min_size=1, max_size=60))
def test_any_sloshing_load_gives_outages_of_single_clouds_only(looks: list[set[object]]) -> None:
    """A look acts on nothing while two of three look bad, and it always ends after three clear looks."""
    watch, policy, trouble = DetectionState(), DetectionPolicy(), follow(None, None, DetectionPolicy(), 0.0)
    for number, bad in enumerate([*looks, set(), set(), set(), set()]):
        now, serves = number * 5.0, {("wine", target): target not in bad for target in CLOUDS}
        apart = trouble.released(now) if trouble is not None else frozenset()
        finding = overload(serves, (), apart)
        trouble = follow(trouble, finding, policy, now)
        seen = withhold(look(watch, policy, now, serves), trouble, finding)
        watch = seen.watch
        if len(bad) >= 2 and not apart:
            assert not seen.down
    assert trouble is None


def test_trouble_with_a_target_that_is_none_is_no_memory() -> None:
    """Of a damaged cursor, which must not end the sensor's tick."""
    known = Trouble("overload-1", 1.0, 2.0, frozenset({"wine"}), "", bad=frozenset({("wine", AWS)}))
    assert Trouble.from_dict(known.to_dict()) == known
    with pytest.raises(ValueError, match="not the watcher's memory"):
        Trouble.from_dict({**known.to_dict(), "bad": [["wine", "aws"]]})
