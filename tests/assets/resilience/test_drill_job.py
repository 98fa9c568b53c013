"""A drill as a run on a deployed model: it ends what it began, and production wants to be asked."""

import pytest

from tests.assets.conftest import World
from tests.assets.monitoring.watching_world import checked, drill


def test_a_drill_ends_what_it_began_and_says_what_was_missing(deployed: World) -> None:
    result = drill(deployed, kind="outage", cloud="aws")
    assert result.success
    found = deployed.metadata("drill")
    assert found["drained_seconds"] < 0.3
    assert "capacity_seconds" not in found
    assert not found["passed"]
    assert "full capacity" in found["reasons"]
    assert deployed.gateway.disturbances() == {}
    assert not checked(deployed, "drill", "objectives")


def test_a_corrupt_mirror_is_found_and_mended(deployed: World) -> None:
    before = dict(deployed.stores["gcp"].objects)
    assert drill(deployed, kind="corrupt", cloud="gcp").success
    found = deployed.metadata("drill")
    assert found["detected_seconds"] >= 0
    assert {k: v for k, v in deployed.stores["gcp"].objects.items() if "manifest" not in k} == {
        k: v for k, v in before.items() if "manifest" not in k
    }


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"kind": "outage", "cloud": "azure"}, "gets no traffic"),
        ({"kind": "flood", "cloud": "aws"}, "Known drills"),
    ],
)
def test_a_drill_that_makes_no_sense_is_refused(deployed: World, config: dict[str, str], words: str) -> None:
    result = drill(deployed, **config)
    failure = next(event for event in result.all_events if event.is_step_failure)
    assert words in failure.step_failure_data.error.to_string()  # type: ignore[union-attr]


def test_production_wants_to_be_asked_explicitly(deployed: World) -> None:
    deployed.deployment.environment = "production"
    assert not drill(deployed, kind="throttle", cloud="aws").success
    assert drill(deployed, kind="throttle", cloud="aws", allow_production=True).success
