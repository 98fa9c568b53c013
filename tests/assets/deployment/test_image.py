"""The asset ``<model>/image`` and its check, with registries in memory."""

import json

import pytest

from intermodal.platform.deployment.images import document_key
from intermodal.platform.ports.incidents import Incident
from intermodal.platform.protocol.sigstore import BUNDLE
from intermodal.platform.targets import Site
from tests.assets.conftest import World
from tests.assets.resilience.test_failover_jobs import job, outage_config, recovery_config
from tests.signing import PRIVATE, der
from tests.targets import AWS, AZURE, GCP

SITES = (AWS.site, GCP.site, AZURE.site)
KEY = document_key("wine", "1.0.0")


@pytest.fixture
def building(world: World) -> World:
    """No site has an image of the team's own."""
    world.deployment.builds = frozenset(SITES)
    return world


def images_served(world: World) -> dict[Site, str]:
    (names,) = {tuple(sorted(world.targets[target].requests)) for target in (AWS, GCP, AZURE)}
    return {target.site: world.targets[target].requests[names[-1]].image for target in (AWS, GCP, AZURE)}


def test_image_is_pushed_everywhere_and_deployed_by_digest(building: World) -> None:
    assert building.run("train_and_deploy_wine").success
    assert building.image_builder.built == ["1.0.0"]
    found = building.metadata("image")
    assert found["digest"].startswith("sha256:")
    assert images_served(building) == {
        site: f"registry.{site.cloud}/intermodal/wine@{found['digest']}" for site in SITES
    }
    assert found["bytes"] == found["bytes_model"] == found["bytes_pushed_aws"] == found["bytes_pushed_azure"] > 0
    assert found["bytes_base"] == 0
    assert {"build_seconds", "push_seconds_aws", "push_seconds_gcp"} <= set(found)
    assert set(json.loads(building.stores[AWS.site].get(KEY))["references"]) == {"aws", "gcp", "azure"}


def test_image_again_sends_nothing(building: World) -> None:
    assert building.run("train_and_deploy_wine").success
    assert building.run("deploy_wine").success
    assert building.metadata("image")["bytes_pushed_aws"] == 0


def test_image_of_settings_is_used_and_none_is_built(world: World) -> None:
    world.deployment.builds = frozenset({GCP.site})
    assert world.run("train_and_deploy_wine").success
    assert world.image_builder.built == ["1.0.0"]
    served = images_served(world)
    assert served[AWS.site] == "registry.aws/intermodal/server:0.1.0"
    assert "@sha256:" in served[GCP.site]
    assert not world.images[AWS.site].images
    assert "settings name" in world.metadata("endpoint", "sagemaker")["serves"]
    assert "by its digest" in world.metadata("endpoint", "cloud-run")["serves"]


def test_images_of_settings_everywhere_build_nothing(deployed: World) -> None:
    assert deployed.image_builder.built == []
    assert "nothing was built" in deployed.metadata("image")["state"]


def test_registry_that_is_down_stops_the_endpoints(building: World) -> None:
    building.images[GCP.site].down = True
    result = building.run("train_and_deploy_wine")
    assert not result.success
    assert KEY in building.stores[AWS.site].objects  # the others were tried
    assert KEY not in building.stores[GCP.site].objects
    assert not building.targets[AWS].requests


def test_other_digest_in_a_registry_blocks_the_endpoints(building: World) -> None:
    push = building.images[GCP.site].push

    def rewritten(layout, repository, tag="", mount_from=""):  # type: ignore[no-untyped-def]
        report = push(layout, repository, tag, mount_from)
        building.images[GCP.site].images[repository, tag] = b"another"
        return report

    building.images[GCP.site].push = rewritten  # type: ignore[method-assign]
    result = building.run("train_and_deploy_wine")
    assert not result.success
    (check,) = [each for each in result.get_asset_check_evaluations() if each.check_name == "digest_equal"]
    assert not check.passed
    assert set(check.metadata["wrong"].value) == {"gcp"}
    assert not building.targets[AWS].requests


def test_site_with_an_incident_gets_no_image(building: World) -> None:
    building.incidents.open(Incident("wine-gcp-1", "wine", GCP, 1.0))
    building.images[GCP.site].down = True
    result = building.run("train_and_deploy_wine")
    assert set(json.loads(building.stores[AWS.site].get(KEY))["references"]) == {"aws", "azure"}
    (check,) = [each for each in result.get_asset_check_evaluations() if each.check_name == "digest_equal"]
    assert check.passed
    assert set(check.metadata["digests"].value) == {"aws", "azure"}


def test_recovery_pushes_the_image_that_a_site_lost(building: World) -> None:
    assert building.run("train_and_deploy_wine").success
    digest = building.metadata("image")["digest"]
    building.targets[AWS].gone = True
    assert job(building, "failover_wine", outage_config())
    building.images[AWS.site].images.clear()
    building.stores[AWS.site].delete(KEY)
    building.targets[AWS].gone = False
    assert job(building, "recover_wine", recovery_config())
    assert building.images[AWS.site].digest_of("intermodal/wine", digest) == digest
    assert set(images_served(building).values()) == {
        f"registry.{site.cloud}/intermodal/wine@{digest}" for site in SITES
    }
    assert len(building.image_builder.built) == 1


def test_image_is_signed_and_has_documents_at_every_site(building: World) -> None:
    building.resources["signer"].private = PRIVATE
    building.deployment.trusted_keys = (der(),)
    assert building.run("train_and_deploy_wine").success
    digest = building.metadata("image")["digest"]
    for site in SITES:
        kinds = [each.kind for each in building.images[site].attached("intermodal/wine", digest)]
        assert kinds == ["application/vnd.cyclonedx+json", BUNDLE]
    assert building.run("deploy_wine").success
    assert len(building.images[AWS.site].attached("intermodal/wine", digest)) == 2


def test_image_whose_signature_is_removed_is_not_deployed(building: World) -> None:
    building.resources["signer"].private = PRIVATE
    building.deployment.trusted_keys = (der(),)
    assert building.run("train_and_deploy_wine").success
    deploys = len(building.targets[AWS].deploys)
    for store in map(building.stores.__getitem__, SITES):
        store.put(KEY, json.dumps({**json.loads(store.get(KEY)), "signature": ""}).encode())
    job = building.defs.resolve_job_def("deploy_wine")
    endpoint = [key for key in job.asset_layer.executable_asset_keys if key.path[1] == "endpoint"]
    assert not building.run("deploy_wine", asset_selection=endpoint).success
    assert len(building.targets[AWS].deploys) == deploys
