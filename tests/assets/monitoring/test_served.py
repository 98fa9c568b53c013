"""A new champion that is not deployed: what is watched is the version that goes on serving."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from intermodal.platform.errors import NotFound
from intermodal.platform.monitoring.served import served_of
from tests.assets.conftest import World
from tests.assets.monitoring.test_retraining_jobs import april_lands, tick
from tests.assets.monitoring.watching_world import checked, log_predictions, look


@pytest.fixture
def promoted(deployed: World) -> World:
    """1.1.0, trained on other months, is champion; 1.0.0 serves, and its inputs have moved."""
    log_predictions(deployed, 3000, shift=3)
    april_lands(deployed)
    assert deployed.run("train_wine").success
    assert deployed.registry.champions()["wine"].version == "1.1.0"
    return deployed


def alert(world: World) -> dict[tuple[str, str], float]:
    gauges: list[tuple[str, Mapping[str, str], float]] = world.gauges.pushed["drift-wine"]
    return {(of["version"], of["what"]): value for name, of, value in gauges if name == "intermodal_drifted"}


def test_drift_is_measured_for_the_version_that_serves(promoted: World) -> None:
    found = look(promoted, "drift")
    assert (found["version"], found["state"], found["rows"]) == ("1.0.0", "drifted", 3000)
    assert not checked(promoted, "drift", "no_drift")
    assert alert(promoted)["1.0.0", "inputs"] == 1


def test_drift_after_a_promotion_equals_that_before(deployed: World) -> None:
    """With the profile of that version, to the last figure."""
    log_predictions(deployed, 3000)
    before = look(deployed, "drift")
    april_lands(deployed)
    assert deployed.run("train_wine").success
    assert look(deployed, "drift") == before


def test_report_is_attached_to_the_version_that_serves(promoted: World) -> None:
    assert look(promoted, "drift", "drift_report")["version"] == "1.0.0"
    ((version, _),) = promoted.registry.attached
    assert version == "1.0.0"
    (page,) = promoted.registry.attached.values()
    assert b"1.0.0: training and current rows" in page


def test_drift_of_a_replaced_champion_starts_nothing(promoted: World) -> None:
    look(promoted, "drift")
    reason = tick(promoted)
    assert not reason.run_requests
    assert "wine: wait, 1.0.0 has drifted, and 1.1.0 is champion now" in reason.skip_message
    assert promoted.notifier.sent == []


def test_drift_after_a_deployment_is_that_of_the_champion(promoted: World) -> None:
    assert promoted.run("deploy_wine").success
    found = look(promoted, "drift")
    assert (found["version"], found["state"]) == ("1.1.0", "too few rows")


def test_served_without_a_known_route_is_the_champion(promoted: World) -> None:
    registry, gateway = promoted.registry, promoted.gateway
    assert served_of(registry, gateway, "wine").version == "1.0.0"
    gateway.routes["wine"] = replace(gateway.routes["wine"], version="7.0.0")
    assert served_of(registry, gateway, "wine").version == "1.1.0"
    gateway.withdraw("wine")
    assert served_of(registry, gateway, "wine").version == "1.1.0"


def test_served_without_a_champion_is_the_routed_version(promoted: World) -> None:
    registry, gateway = promoted.registry, promoted.gateway
    registry.champions_by_model.clear()
    assert served_of(registry, gateway, "wine").version == "1.0.0"
    gateway.withdraw("wine")
    with pytest.raises(NotFound):
        served_of(registry, gateway, "wine")
