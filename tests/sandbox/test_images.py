"""A model from training to predictions by its own image: built, pushed to the site's registry, pulled and run by
digest, on each cloud of the sandbox."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from intermodal.assets.deployment.endpoint import golden_of
from intermodal.platform.deployment.images import document_key
from intermodal.platform.errors import DeployFailed
from intermodal.platform.ports.endpoints import DeployRequest, endpoint_name
from intermodal.platform.protocol import v2
from intermodal.platform.protocol.keys import key_text
from intermodal.platform.protocol.parity import worst
from intermodal.platform.protocol.sigstore import BUNDLE
from intermodal.platform.targets import Target
from intermodal.resources.adapters import CatalogueImages, CatalogueStores, CatalogueTargets
from intermodal.resources.deployment import DeploymentSettings
from intermodal.resources.image_build.builder import LocalImageBuilder
from intermodal.resources.signing import PemSigner, write_key
from tests.assets.conftest import World, another_spec, world  # noqa: F401
from tests.sandbox_fixture import Sandbox, sandbox  # noqa: F401
from tests.signing import der
from tests.targets import AWS, AZURE, GCP

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(600)]
CACHE = Path(__file__).resolve().parents[2] / ".intermodal/images"
"""Layers by their inputs, kept from run to run."""
ENVIRONMENT = "images"
DEPLOYED = {"mirror", "image", "endpoint"}
"""Assets up to the endpoint: the gateway in memory knows no real upstream."""


class Served(NamedTuple):
    world: World
    target: Target


@pytest.fixture(params=[AWS, GCP, AZURE], ids=str)
def served(
    request: pytest.FixtureRequest,
    world: World,  # noqa: F811
    sandbox: Sandbox,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Iterator[Served]:
    """The model, deployed on one target by the real adapters of its cloud. The registry of versions is in memory."""
    target: Target = request.param
    sandbox.use(target.cloud, monkeypatch)
    monkeypatch.delenv(f"INTERMODAL_{target.cloud.upper()}_IMAGE")
    monkeypatch.setenv("INTERMODAL_IMAGE_CACHE", os.environ.get("INTERMODAL_IMAGE_CACHE", str(CACHE)))
    write_key(tmp_path / "signing.pem")
    monkeypatch.setenv("INTERMODAL_SIGNING_KEY", str(tmp_path / "signing.pem"))
    real = {
        "signer": PemSigner(),
        "deployment": DeploymentSettings(environment=ENVIRONMENT),
        "targets": CatalogueTargets(),
        "stores": CatalogueStores(),
        "images": CatalogueImages(),
        "image_builder": LocalImageBuilder(),
    }
    more = f"  serve: [{target}]\n  route: {{policy: weighted, weights: {{{target.cloud}: 1}}}}\n"
    with another_spec(replace(world, resources={**world.resources, **real}), more) as found:
        assert found.run("train_wine").success
        deploy(found)
        yield Served(found, target)
        adapter = real["targets"].get(target)
        for endpoint in adapter.list(ENVIRONMENT, "wine"):
            adapter.delete(endpoint.name)


def deploy(world: World) -> None:  # noqa: F811
    job = world.defs.resolve_job_def("deploy_wine")
    keys = [key for key in job.asset_layer.executable_asset_keys if key.path[1] in DEPLOYED]
    result = world.run("deploy_wine", asset_selection=keys)
    assert result.success
    assert {check.check_name: check.passed for check in result.get_asset_check_evaluations()} == {
        "digest_equal": True,
        "mirror_unchanged": True,
        "mirror_verified": True,
        "parity": True,
    }


def test_version_runs_as_its_image_pulled_by_digest(
    served: Served,
    sandbox: Sandbox,  # noqa: F811
    record_testsuite_property: Callable[[str, object], None],
) -> None:
    (made, target), resources = served, served.world.resources
    image, endpoint = made.metadata("image"), made.metadata("endpoint", target.kind)
    record_testsuite_property(target.cloud, json.dumps({**image, "deploy_seconds": endpoint["deploy_seconds"]}))
    reference = image["references"][target.cloud]
    assert endpoint["image"] == reference
    assert reference.endswith(f"/wine@{image['digest']}")
    registry, store = resources["images"].get(target.site), resources["stores"].get(target.site)
    assert registry.digest_of(registry.repository("wine"), image["digest"]) == image["digest"]
    assert json.loads(store.get(document_key("wine", "1.0.0")))["references"] == {target.cloud: reference}

    # The processes behind the endpoint: their root is the image's tree, and their Python the image's.
    servers = sandbox.servers(target.cloud)
    assert servers
    for server in servers:
        assert server.cmdline()[0] == "/usr/bin/python3.11"
        assert sorted(os.listdir(f"/proc/{server.pid}/root/opt/intermodal")) == ["app", "dependencies"]
    adapter, name = resources["targets"].get(target), endpoint_name("wine", "1.0.0", ENVIRONMENT)
    candidate = made.registry.candidate("wine")
    golden = golden_of(made.registry, candidate)
    body = v2.golden_body(candidate.record.signature, golden.rows)
    assert worst(golden.predictions, v2.predictions(adapter.invoke(name, body))).holds

    # Again: the same image, and not a byte is sent.
    deploy(made)
    again = made.metadata("image")
    assert (again["digest"], again[f"bytes_pushed_{target.cloud}"]) == (image["digest"], 0)

    # Beside it in the registry, and the pull of a site that trusts another key.
    kinds = [each.kind for each in registry.attached(registry.repository("wine"), image["digest"])]
    assert sorted(kinds) == sorted(["application/vnd.cyclonedx+json", "application/vnd.in-toto+json", BUNDLE])
    keys = (key_text(der()),)
    request = DeployRequest(
        "wine", "9.9.8", ENVIRONMENT, "team:tests", reference, store.uri("wine/1.0.0"), trusted_keys=keys
    )
    with pytest.raises(DeployFailed, match="signed by a key that is not trusted"):
        adapter.deploy(request)

    absent = f"{reference.partition('@')[0]}@sha256:{'0' * 64}"
    request = DeployRequest("wine", "9.9.9", ENVIRONMENT, "team:tests", absent, store.uri("wine/1.0.0"))
    with pytest.raises(DeployFailed, match="CannotPullContainer"):
        adapter.deploy(request)
