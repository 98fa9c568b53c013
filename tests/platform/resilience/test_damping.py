"""A target that flaps is moved a few times an hour, however it flaps."""

from hypothesis import given, settings
from hypothesis import strategies as st

from intermodal.platform.ports.incidents import Entry, Incident
from intermodal.platform.resilience.damping import damped, failures_within, hold_seconds
from intermodal.platform.resilience.detection import DetectionPolicy, DetectionState, UpstreamKey, look
from tests.memory import MemoryIncidents
from tests.targets import AWS, GCP

KEY: UpstreamKey = ("wine", AWS)
POLICY = DetectionPolicy()
MOST_AN_HOUR = 6


def returns_of(pattern: list[int], seconds: int = 3600) -> list[float]:
    """When traffic returned to an upstream that is bad and good by turns for these many seconds, in an hour."""
    incidents, watch, found = MemoryIncidents(), DetectionState(), list[float]()
    states = [index % 2 == 1 for index, length in enumerate(pattern) for _ in range(length)]
    for now in range(0, seconds, 5):
        ok = states[now % len(states)]
        known = {(each.model, each.target): each for each in incidents.all(open_only=True)}
        seen = look(watch, POLICY, float(now), {KEY: ok}, known, dict.fromkeys(known, True))
        seen = damped(seen, POLICY, float(now), {KEY: failures_within(incidents.all("wine"), AWS, float(now))})
        watch = seen.watch
        for onset in seen.down.values():
            incidents.open(Incident(f"wine-{now}", "wine", AWS, onset))
        for key in seen.back:
            incidents.close(known[key].id, float(now))
            found.append(float(now))
    return found


def test_zone_that_flaps_every_20_seconds_is_damped() -> None:
    assert len(returns_of([20, 20])) <= MOST_AN_HOUR
    assert len(returns_of([10, 10])) <= MOST_AN_HOUR


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(5, 900), min_size=2, max_size=12))
def test_upstream_that_flaps_anyhow_returns_few_times_an_hour(pattern: list[int]) -> None:
    assert len(returns_of(pattern)) <= MOST_AN_HOUR


def test_upstream_that_failed_once_returns_as_soon_as_before() -> None:
    assert returns_of([30, 570], seconds=600) == [40.0]


def test_hold_grows_with_failures_to_an_hour() -> None:
    assert [hold_seconds(POLICY, count) for count in (0, 1, 2, 5, 9)] == [9, 9, 36, 2304, 3600]


def test_failures_are_of_this_target_in_the_last_hour_with_those_in_recovery() -> None:
    again = (Entry(5000.0, "note", "again-1", ""), Entry(5000.0, "drained", "0", ""))
    incidents = [
        Incident("a", "wine", AWS, 1000.0),
        Incident("b", "wine", AWS, 4900.0, entries=again),
        Incident("c", "wine", GCP, 4900.0),
    ]
    assert failures_within(incidents, AWS, 5100.0) == 2
