"""What a model's version, mirror, endpoint and route do when the registry lost something."""

import pytest

from intermodal.platform.errors import NotFound
from intermodal.platform.registry.champion import champion_of
from intermodal.platform.registry.versioning import SemanticVersion
from tests.assets.conftest import World
from tests.targets import AWS, TARGETS


@pytest.mark.parametrize("everything", [False, True])
def test_train_after_deletion_gives_a_higher_number(deployed: World, everything: bool) -> None:
    """Also when the registry itself was deleted: Dagster knows the numbers that it gave."""
    deployed.registry.registered.clear()
    deployed.registry.champions_by_model.clear()
    if everything:
        deployed.registry.newest.clear()
    assert deployed.run("train_and_deploy_wine").success
    number = deployed.metadata("version")["version"]
    assert SemanticVersion.parse(number) > SemanticVersion.parse("1.0.0")
    assert "lost" in deployed.metadata("version")["why"]
    route = deployed.gateway.route("wine")
    assert route is not None
    assert route.version == number


def test_train_after_an_old_version_was_lost_names_it(deployed: World) -> None:
    assert deployed.run("train_wine").success
    deployed.registry.lost["run-1"] = "it was deleted."
    assert deployed.run("train_wine").success
    text = deployed.metadata("version")["lost"]
    assert all(part in text for part in ("1.0.0", "run-1"))
    assert deployed.metadata("version")["version"] == "1.0.2"


def test_lost_champion_stops_its_deployment_and_no_training(deployed: World) -> None:
    deployed.registry.lost["run-1"] = "it was deleted."
    failed = deployed.run("deploy_wine")
    assert not failed.success
    texts = [event.step_failure_data.error.to_string() for event in failed.all_events if event.is_step_failure]  # type: ignore[union-attr]
    assert any(all(part in text for part in ("1.0.0", "run-1", "train_wine")) for text in texts)
    assert deployed.gateway.route("wine") is not None
    assert deployed.run("train_and_deploy_wine").success
    assert deployed.metadata("route")["version"] == "2.0.0"  # nothing is left to compare its signature with


def test_deleted_champion_is_named_with_the_way_back(deployed: World) -> None:
    with pytest.raises(NotFound, match="train_unheard_of"):
        champion_of(deployed.registry, "unheard_of")
    assert deployed.run("train_wine").success
    deployed.registry.registered.pop()
    deployed.registry.champions_by_model.clear()
    with pytest.raises(NotFound, match=r"1\.0\.1 is the newest .* to version 1\.0\.0"):
        champion_of(deployed.registry, "wine")


def test_deploy_keeps_the_digest_everywhere(deployed: World) -> None:
    digest = champion_of(deployed.registry, "wine").candidate.manifest.digest
    route = deployed.gateway.route("wine")
    assert route is not None
    assert route.digest == digest
    served = [endpoint.digest for target in TARGETS for endpoint in deployed.targets[target].endpoints.values()]
    assert served == [digest] * len(TARGETS)


def test_parity_of_another_digest_is_refused(deployed: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The platform kept what it had."""
    adapter = deployed.targets[AWS]
    (kept,) = adapter.endpoints.values()
    object.__setattr__(kept, "digest", "f" * 64)
    monkeypatch.setattr(adapter, "deploy", lambda request: kept)  # noqa: ARG005
    failed = deployed.run("deploy_wine")
    assert not failed.success
    texts = [event.step_failure_data.error.to_string() for event in failed.all_events if event.is_step_failure]  # type: ignore[union-attr]
    assert any(f"serves the package {'f' * 12}" in text for text in texts)
