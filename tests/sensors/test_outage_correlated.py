"""The outage sensor when most upstreams look bad together: nothing is done, and people are notified."""

from collections.abc import Iterator

import dagster as dg
import pytest

from intermodal.platform.resilience.correlation import SelfView
from intermodal.platform.targets import Target
from intermodal.sensors.toolkit import self_probe
from tests.sensors.outage_here import CONTAINED, Here
from tests.targets import AWS, AZURE, GCP

EVERYWHERE = (AWS, GCP, AZURE)


class Overloaded:
    """Upstreams that the gateway does not send first tries while their clouds' APIs answer."""

    def __init__(self, here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bad = set[tuple[str, Target]]()
        sound = here.gateway.health

        def health() -> dict[str, dict[Target, bool]]:
            return {
                model: {target: ok and (model, target) not in self.bad for target, ok in seen.items()}
                for model, seen in sound().items()
            }

        monkeypatch.setattr(here.gateway, "health", health)

    def set(self, *targets: Target, models: tuple[str, ...] = ("flights", "wine")) -> None:
        self.bad = {(model, target) for model in models for target in targets}


@pytest.fixture
def overloaded(here: Here, monkeypatch: pytest.MonkeyPatch) -> Overloaded:
    return Overloaded(here, monkeypatch)


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> Iterator[Here]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Here(instance, monkeypatch, (AWS, GCP))


def titles(here: Here) -> list[str]:
    return [notice.title for notice in here.notifier.sent]


BEGUN, ENDED = "Overload or blindness, not an outage", "Overload or blindness has ended"


def test_all_upstreams_bad_is_notified_once_and_opens_no_incident(here: Here, overloaded: Overloaded) -> None:
    overloaded.set(*EVERYWHERE)
    weights = here.gateway.route("wine").weights  # type: ignore[union-attr]
    for _ in range(20):
        assert "Overload or blindness: 6 of 6 upstreams look bad together" in here.tick()
        assert here.requested == []
    assert here.incidents.all() == []
    assert here.gateway.route("wine").weights == weights  # type: ignore[union-attr]
    assert titles(here) == [BEGUN]
    assert "6 of 6 upstreams look bad together, on aws/sagemaker, azure/ml, gcp/cloud-run" in here.notifier.sent[0].text


def test_overload_that_is_over_is_noted_and_leaves_nothing(here: Here, overloaded: Overloaded) -> None:
    overloaded.set(*EVERYWHERE)
    here.tick(3)
    overloaded.set()
    here.tick(3)
    assert titles(here) == [BEGUN, ENDED]
    assert here.tick() == "All 6 upstreams serve."
    assert set(here.ticks.remembered()) == {"failing", "returning", "answering", "last"}


def test_overload_seen_in_one_look_notifies_nobody(here: Here, overloaded: Overloaded) -> None:
    overloaded.set(*EVERYWHERE)
    here.tick()
    overloaded.set()
    here.tick(5)
    assert titles(here) == []


def test_overload_whose_end_cannot_be_sent_yet_is_notified_later(here: Here, overloaded: Overloaded) -> None:
    overloaded.set(*EVERYWHERE)
    here.tick(3)
    overloaded.set()
    here.notifier.refuses = True
    here.tick(4)
    here.notifier.refuses = False
    here.tick(2)
    assert titles(here) == [BEGUN, ENDED]


def test_most_upstreams_bad_in_turns_open_no_incident(here: Here, overloaded: Overloaded) -> None:
    """Load sloshes: each is bad for two looks of three, as ejections of 5 s are renewed."""
    for look in range(60):
        overloaded.set(*(target for index, target in enumerate(EVERYWHERE) if (look + index) % 3))
        here.tick()
        assert here.requested == []


def test_upstream_seen_again_first_changes_nothing(here: Here, overloaded: Overloaded) -> None:
    weights = here.gateway.route("wine").weights  # type: ignore[union-attr]
    for bad, times in ((EVERYWHERE, 4), ((AWS, AZURE), 4), ((AZURE,), 2)):
        overloaded.set(*bad)
        here.tick(times)
        assert (here.requested, here.incidents.all()) == ([], [])
    assert here.gateway.route("wine").weights == weights  # type: ignore[union-attr]


def test_dead_cloud_is_found_once_the_others_are_well(here: Here, overloaded: Overloaded) -> None:
    """Its API answers, so that only the comparison with the others shows that it is out."""
    overloaded.set(*EVERYWHERE)
    here.tick(10)
    overloaded.set(AWS)
    here.tick(2)
    assert here.requested == []
    here.tick()
    assert sorted(here.requested) == ["failover_flights", "failover_wine"]
    assert {request.tags["intermodal/target"] for request in here.ticks.requests} == {str(AWS)}


def test_dead_cloud_under_overload_is_found_by_its_silent_api(here: Here, overloaded: Overloaded) -> None:
    here.kill("aws")
    overloaded.set(*EVERYWHERE)
    here.tick(2)
    assert {request.tags["intermodal/target"] for request in here.ticks.requests} == {str(AWS)}
    assert "4 of 4 upstreams look bad together, on azure/ml, gcp/cloud-run" in here.notifier.sent[0].text
    here.tick(5)
    assert here.requested == []


def test_two_dead_clouds_of_three_are_failed_over(here: Here) -> None:
    here.kill("aws", "gcp")
    here.tick(2)
    assert sorted(here.requested) == ["failover_flights", "failover_wine"]
    assert titles(here) == []


def test_all_clouds_and_their_apis_silent_is_blindness(here: Here) -> None:
    """Whether all are dead or the watcher's network is: nothing could be done, and nothing is."""
    here.kill("aws", "gcp", "azure")
    here.tick(5)
    assert (here.requested, here.incidents.all(), titles(here)) == ([], [], [BEGUN])


def test_both_upstreams_of_one_model_bad_stop_that_model_alone(two: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    overloaded = Overloaded(two, monkeypatch)
    overloaded.set(AWS, GCP, models=("wine",))
    overloaded.bad.add(("flights", AWS))
    two.tick(2)
    # Of flights, one of two looks bad; of all four upstreams, both of aws and half of gcp.
    assert two.requested == ["failover_flights"]
    assert "2 of 2 upstreams look bad together" in two.notifier.sent[0].text


def test_same_two_of_three_bad_for_long_are_an_outage(here: Here, overloaded: Overloaded) -> None:
    """Endpoints that were removed by hand: the APIs answer, the third cloud is well, and nothing sloshes."""
    overloaded.set(AWS, GCP)
    here.tick(24)
    assert here.requested == []
    here.tick(6)
    assert here.incidents.all(open_only=True)


def test_late_watcher_acts_on_nothing_and_keeps_what_it_saw(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    here.kill("aws")
    here.tick()
    with monkeypatch.context() as patch:
        patch.setattr(self_probe, "measured", lambda look: (look(), SelfView(pause_seconds=1.7)))
        assert here.tick(10).startswith("Overload or blindness: the watcher is 1.70 s late.")
        assert (here.requested, here.incidents.all(), titles(here)) == ([], [], [BEGUN])
        assert len(here.ticks.remembered()["failing"]) == 2
    here.tick(3)
    assert sorted(here.requested) == ["failover_flights", "failover_wine"]


def test_late_watcher_recovers_nothing(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    here.opened(("detected", "0"), *CONTAINED)
    monkeypatch.setattr(self_probe, "measured", lambda look: (look(), SelfView(admin_seconds=2.0)))
    here.tick(100)
    assert here.requested == []


def test_slow_admin_of_the_gateway_is_blindness(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    here.kill("aws")
    monkeypatch.setattr(self_probe, "measured", lambda look: (look(), SelfView(admin_seconds=2.0)))
    assert "the gateway's admin took 2.0 s" in here.tick(4)
    assert here.requested == []


def test_overload_with_open_failover_still_replaces_its_capacity(here: Here, overloaded: Overloaded) -> None:
    """The others are overloaded because the capacity of the dead one is missing."""
    here.opened(("detected", "0"))
    here.kill("aws")
    overloaded.set(GCP, AZURE)
    here.tick()
    assert [request.run_key for request in here.ticks.requests] == ["wine-aws.sagemaker-1-failover-0-1"]


@pytest.mark.parametrize("jump", [-3600, 3600])
def test_clock_that_jumps_neither_hides_nor_hastens_an_outage(here: Here, jump: int) -> None:
    here.kill("aws")
    here.tick()
    here.now += jump
    here.tick(2)
    assert sorted({key.partition("-")[0] for key in here.ticks.keys}) == ["flights", "wine"]


@pytest.mark.parametrize("jump", [-3600, 3600])
def test_clock_that_jumps_ends_no_overload_and_releases_none(here: Here, overloaded: Overloaded, jump: int) -> None:
    overloaded.set(AWS, GCP)
    here.tick(3)
    here.now += jump
    here.tick(5)
    assert (here.requested, titles(here)) == ([], [BEGUN])
    overloaded.set()
    here.tick(3)
    assert titles(here) == [BEGUN, ENDED]


@pytest.mark.parametrize("jump", [-3600, 3600])
def test_clock_that_jumps_redeploys_nothing(here: Here, overloaded: Overloaded, jump: int) -> None:
    """An answering API counts towards a new deployment by time that passed, not by the clock."""
    here.opened(("detected", "0"), *CONTAINED)
    overloaded.set(AWS, models=("wine",))
    here.tick(2)
    here.now += jump
    here.tick(5)
    assert here.requested == []
