"""A model that has no spec any more leaves the gateway and the clouds, in one run or in several."""

import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin

from intermodal.assets.deployment.withdraw import withdraw
from intermodal.platform.deployment.images import PushedImage, document_key
from intermodal.platform.errors import IntermodalError, SpecError, Unavailable
from intermodal.platform.ports.endpoints import Endpoint, endpoint_name
from intermodal.platform.ports.gateway import Route
from intermodal.platform.ports.incidents import Incident
from intermodal.platform.targets import Site, Target
from tests.memory import (
    IMAGE_FILE,
    SBOM,
    MemoryDeployment,
    MemoryGateway,
    MemoryGauges,
    MemoryImages,
    MemoryIncidents,
    MemoryStore,
    MemoryStores,
    MemoryTarget,
    MemoryTargets,
)
from tests.targets import AWS, AZURE, TARGETS

module = import_module("intermodal.assets.deployment.withdraw")


class World:
    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.targets = {target: MemoryTarget(target, MemoryStore(target.site)) for target in TARGETS}
        self.stores = {target.site: MemoryStore(target.site) for target in TARGETS}
        self.images = MemoryImages.of(self.stores)
        self.gateway, self.incidents, self.gauges = MemoryGateway([]), MemoryIncidents(), MemoryGauges()
        for model in ("gone", "kept"):
            self.gateway.routes[model] = Route(model, "1.0.0", {AWS: 1}, {}, "{}")
            self.incidents.open(Incident(f"{model}-aws-1", model, AWS, 1.0))
            for adapter in self.targets.values():
                name = endpoint_name(model, "1.0.0", "sandbox")
                adapter.endpoints[name] = Endpoint(adapter.target, name, model, "1.0.0", "https://x", "ready")

    def withdraw(self, model: str, **config: Any) -> dg.ExecuteInProcessResult:
        resources: dict[str, Any] = {
            "deployment": MemoryDeployment(),
            "gateway": self.gateway,
            "gauges": self.gauges,
            "incidents": self.incidents,
            "targets": MemoryTargets(self.targets),
            "stores": MemoryStores(self.stores),
            "images": self.images,
        }
        return withdraw(served=["kept"]).execute_in_process(
            resources=resources,
            run_config={"ops": {"withdraw_model": {"config": {"model": model, "drain_seconds": 0, **config}}}},
            tags={"model": model},
            instance=self.instance,
        )

    @property
    def served(self) -> set[tuple[Target, str]]:
        return {
            (target, incident.model)
            for target, adapter in self.targets.items()
            for incident in adapter.endpoints.values()
        }


@pytest.fixture
def world() -> Iterator[World]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield World(instance)


def test_withdraw_removes_only_what_is_of_the_model(world: World) -> None:
    assert world.withdraw("gone").success
    assert world.gateway.models() == ["kept"]
    assert world.served == {(target, "kept") for target in world.targets}
    assert [incident.model for incident in world.incidents.all(open_only=True)] == ["kept"]
    assert {group: list(pushed) for group, pushed in world.gauges.pushed.items()} == {
        "drift-gone": [],
        "monitor-gone": [],
    }
    assert world.withdraw("gone").success  # again changes nothing


def test_withdraw_of_a_model_with_a_spec_is_refused(world: World) -> None:
    with pytest.raises(SpecError, match="'kept' has a spec"):
        world.withdraw("kept")
    assert set(world.gateway.models()) == {"gone", "kept"}


def test_withdraw_with_an_unavailable_target_names_it_and_continues(world: World) -> None:
    world.targets[AWS].gone = True
    with pytest.raises(Unavailable, match="may be left on aws/sagemaker"):
        world.withdraw("gone")
    assert world.gateway.models() == ["kept"]
    assert {target for target, model in world.served if model == "gone"} == {AWS}
    assert "gone" in [incident.model for incident in world.incidents.all(open_only=True)]
    world.targets[AWS].gone = False
    assert world.withdraw("gone").success
    assert world.served == {(target, "kept") for target in world.targets}


@pytest.mark.parametrize("was_there", [False, True])
def test_withdraw_where_a_platform_refuses_ends_if_it_never_served(world: World, was_there: bool) -> None:
    """Vertex AI is installed, no spec uses it by itself, and this identity may not look."""
    vertex = Target("gcp", "vertex")
    world.targets[vertex] = MemoryTarget(vertex, MemoryStore(vertex.site))
    world.targets[vertex].gone = True
    if was_there:
        world.incidents.open(Incident("gone-vertex-1", "gone", vertex, 1.0))
        world.incidents.close("gone-vertex-1", 2.0)
        with pytest.raises(Unavailable, match="gcp/vertex"):
            world.withdraw("gone")
    else:
        assert world.withdraw("gone").success


def test_withdraw_during_another_run_is_refused(world: World) -> None:
    run = dg.DagsterRun(job_name="deploy_gone", tags={"model": "gone"}, status=dg.DagsterRunStatus.STARTED)
    world.instance.add_run(run)
    with pytest.raises(IntermodalError, match=f"Run {run.run_id} is working on 'gone'"):
        world.withdraw("gone")
    assert "gone" in world.gateway.models()


@pytest.mark.parametrize("name", ["", "kept,", "kept\n", "Kept"])
def test_withdraw_of_an_invalid_name_removes_nothing(world: World, name: str) -> None:
    before = world.served
    with pytest.raises(SpecError, match="not a valid model name"):
        world.withdraw(name)
    assert world.served == before
    assert len(world.incidents.all(open_only=True)) == 2


def test_withdraw_ignores_listed_endpoints_of_other_models(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    adapter = world.targets[AZURE]
    monkeypatch.setattr(adapter, "list", lambda *_: list(adapter.endpoints.values()))
    assert world.withdraw("gone").success
    assert world.served == {(target, "kept") for target in world.targets}


def test_withdraw_repeated_after_its_route_is_gone_reaches_a_region(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The targets that are enabled are those of default regions; once the route is gone, nothing else names another."""
    region = Target("aws", "sagemaker", "eu-west-1")
    adapter = world.targets[region] = MemoryTarget(region, MemoryStore(region.site))
    name = endpoint_name("gone", "1.0.0", "sandbox")
    adapter.endpoints[name] = Endpoint(region, name, "gone", "1.0.0", "https://x", "ready")
    world.gateway.routes["gone"] = Route("gone", "1.0.0", {AWS: 1, region: 1}, {}, "{}")

    def die(_: float) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(module, "time", SimpleNamespace(time=time.time, sleep=die))
        with pytest.raises(RuntimeError, match="killed"):
            world.withdraw("gone")
    assert (world.gateway.models(), list(adapter.endpoints)) == (["kept"], [name])
    adapter.gone = True
    with pytest.raises(Unavailable, match="may be left on aws/sagemaker@eu-west-1"):
        world.withdraw("gone")
    adapter.gone = False
    assert world.withdraw("gone").success
    assert not adapter.endpoints


def test_withdraw_with_a_damaged_route_removes_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(_: str) -> Route:
        raise IntermodalError("gone.json is damaged.", hint="Withdraw the model.")

    monkeypatch.setattr(world.gateway, "route", damaged)
    assert world.withdraw("gone").success
    assert world.gateway.models() == ["kept"]


@pytest.mark.parametrize(("maker", "is_refused"), [("blue", True), ("red", False), ("", False)])
def test_withdraw_of_a_model_of_another_location_is_refused(
    world: World, monkeypatch: pytest.MonkeyPatch, maker: str, is_refused: bool
) -> None:
    """A run of ``maker`` made the route; the withdrawal is a run of ``red``, and knows the specs of no other."""

    @dg.asset(key=["gone", "route"])
    def route() -> None: ...

    made = dg.materialize([route], instance=world.instance)
    monkeypatch.setattr(module, "_location", lambda _, run_id: maker if run_id == made.run_id else "red")
    if is_refused:
        with pytest.raises(SpecError, match="was deployed by the code location blue"):
            world.withdraw("gone")
        assert "gone" in world.gateway.models()
        assert world.withdraw("gone", no_location_has_it=True).success
    else:
        assert world.withdraw("gone").success
    assert world.gateway.models() == ["kept"]


def test_location_of_a_run_is_where_it_was_launched(world: World) -> None:
    repository = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("blue"), "all")
    run = dg.DagsterRun(job_name="deploy_gone", remote_job_origin=RemoteJobOrigin(repository, "deploy_gone"))
    world.instance.add_run(run)
    assert module._location(world.instance, run.run_id) == "blue"
    assert module._location(world.instance, "unknown") == module._location(world.instance, "") == ""


@pytest.mark.parametrize(("closed", "success"), [(True, True), (False, False)])
def test_withdraw_with_an_incident_on_a_disabled_cloud_ends_if_closed(
    world: World, closed: bool, success: bool
) -> None:
    given_up = Incident("gone-oracle-1", "gone", Target("oracle", "oci"), 1.0)
    world.incidents.open(given_up)
    if closed:
        world.incidents.close(given_up.id, 2.0)
    if success:
        assert world.withdraw("gone").success
        assert not world.incidents.all("gone", open_only=True)
    else:
        with pytest.raises(Unavailable, match="oracle/oci"):
            world.withdraw("gone")
    assert {model for _, model in world.served} == {"kept"}


@pytest.fixture
def pushed(world: World, tmp_path: Path) -> dict[str, str]:
    """The digest of an image of each model, at every site, with a document beside it."""
    digests = {}
    for model in ("gone", "kept"):
        layout = tmp_path / model
        layout.mkdir()
        (layout / IMAGE_FILE).write_text(f"{model} 1.0.0")
        for site, store in world.stores.items():
            registry = world.images.get(site)
            report = registry.push(layout, registry.repository(model), "1.0.0")
            registry.attach(registry.repository(model), report.digest, SBOM)
            document = PushedImage(report.digest, "p", {str(site): report.reference})
            store.put(document_key(model, "1.0.0"), document.to_json())
            digests[model] = report.digest
    return digests


def models_with_images(world: World) -> dict[Site, set[str]]:
    return {
        site: {repository.rpartition("/")[2] for repository, _ in world.images.get(site).images}
        for site in world.stores
    }


def test_withdraw_deletes_images_and_documents_of_the_model(world: World, pushed: dict[str, str]) -> None:
    assert world.withdraw("gone").success
    assert models_with_images(world) == {site: {"kept"} for site in world.stores}
    for site, store in world.stores.items():
        assert not world.images.get(site).attached("intermodal/gone", pushed["gone"])
        assert list(store.list("")) == [document_key("kept", "1.0.0")]
    assert world.withdraw("gone").success


def test_withdraw_registry_that_deletes_nothing_stops_nothing(world: World, pushed: dict[str, str]) -> None:
    assert pushed
    world.images.get(AWS.site).deletes = False
    assert world.withdraw("gone").success
    assert models_with_images(world)[AWS.site] == {"gone", "kept"}
    assert models_with_images(world)[AZURE.site] == {"kept"}
    assert [incident.model for incident in world.incidents.all(open_only=True)] == ["kept"]
    world.images.get(AWS.site).deletes = True
    assert world.withdraw("gone").success
    assert models_with_images(world)[AWS.site] == {"kept"}


def test_withdraw_registry_that_is_down_is_tried_again(world: World, pushed: dict[str, str]) -> None:
    assert pushed
    world.images.get(AWS.site).down = True
    with pytest.raises(Unavailable, match="Images of 'gone' may be left at aws"):
        world.withdraw("gone")
    assert models_with_images(world)[AZURE.site] == {"kept"}
    world.images.get(AWS.site).down = False
    assert world.withdraw("gone").success
    assert models_with_images(world)[AWS.site] == {"kept"}


def test_withdraw_image_with_another_models_label_is_kept(world: World, pushed: dict[str, str]) -> None:
    registry = world.images.get(AWS.site)
    registry.images["intermodal/gone", pushed["gone"]] = b"another 1.0.0"
    assert world.withdraw("gone").success
    assert "gone" in models_with_images(world)[AWS.site]
