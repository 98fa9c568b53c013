"""The derived image in the sandbox's registry: its layers, the digest of its parent, and that it is pushed once."""

import io
import json
import tarfile
from collections.abc import Iterator
from dataclasses import replace

import pytest

from intermodal.platform.deployment.functions_image import PARENT_LABEL, Documents, require_parent
from intermodal.platform.deployment.oci import ImageConfig, ImageManifest
from intermodal.platform.errors import SpecError
from intermodal.platform.targets import Site
from intermodal.resources.azure.images import AcrRegistry
from intermodal.resources.azure.targets.functions.derivation import derive
from intermodal.resources.image_build.layers import file_entry, write_layer
from intermodal.resources.images.layout import Bytes
from tests.sandbox_fixture import Sandbox

pytestmark = pytest.mark.sandbox
PYTHON = ("/usr/bin/python3", "-m", "intermodal.serving")
HOST = ("/opt/startup/start_nonappservice.sh",)


@pytest.fixture(scope="module")
def registry(sandbox: Sandbox) -> Iterator[AcrRegistry]:
    with pytest.MonkeyPatch.context() as patch:
        sandbox.use("azure", patch)
        yield AcrRegistry.of(Site("azure"))


def pushed(registry: AcrRegistry, repository: str, text: str, entrypoint: tuple[str, ...], **variables: str) -> str:
    """The digest of an image with one layer that has one file."""
    data = io.BytesIO()
    layer = write_layer("a layer", [file_entry(f"opt/{text}", text.encode())], data)
    config = ImageConfig((layer,), entrypoint, variables, {"io.intermodal.model": "m"} if variables else {})
    document = config.to_json()
    manifest = ImageManifest(document, (layer,)).to_json()
    return registry.store(repository, manifest, [Bytes(data.getvalue()), Bytes(document)])


@pytest.fixture(scope="module")
def base(registry: AcrRegistry) -> str:
    return f"bases/functions@{pushed(registry, 'bases/functions', 'host', HOST, PATH='/dotnet')}"


@pytest.fixture(scope="module")
def image(registry: AcrRegistry) -> str:
    repository = registry.repository("m")
    made = pushed(registry, repository, "server", PYTHON, PYTHONPATH="/app", PATH="/bin", INTERMODAL_VERSION="1")
    return registry.reference(repository, made)


def documents(registry: AcrRegistry, reference: str) -> Documents:
    repository, _, digest = reference.partition("/")[2].partition("@")
    return registry.documents(repository, digest)


def test_derived_image_has_the_layers_of_both_and_its_parent(registry: AcrRegistry, base: str, image: str) -> None:
    found = documents(registry, derive(registry, base, image))
    bottom = registry.documents(*base.split("@"))
    assert found.layers[:2] == [*bottom.layers, *documents(registry, image).layers]
    assert len(found.layers) == len(json.loads(found.config)["rootfs"]["diff_ids"]) == 3
    assert found.parent == image.rpartition("@")[2]
    assert json.loads(found.manifest)["annotations"]["org.opencontainers.image.base.digest"] == bottom.digest


def test_derived_image_starts_the_host_with_the_servers_variables(registry: AcrRegistry, base: str, image: str) -> None:
    settings = documents(registry, derive(registry, base, image)).settings
    assert settings["Entrypoint"] == list(HOST)
    assert {"PATH=/dotnet", "PYTHONPATH=/app", "INTERMODAL_VERSION=1"} <= set(settings["Env"])
    assert "AzureWebJobsScriptRoot=/home/site/wwwroot" in settings["Env"]
    assert settings["Labels"]["io.intermodal.model"] == "m"


def test_derived_image_tells_the_host_how_to_start_the_server(
    registry: AcrRegistry, base: str, image: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    reference = derive(registry, base, image)
    path = tmp_path_factory.mktemp("layer") / "layer"
    last = documents(registry, reference).layers[-1]["digest"]
    registry.client.download(registry.repository("m"), last, path)
    with tarfile.open(path) as tar:
        names = {name for name in tar.getnames() if name.endswith(".json")}
        opened = tar.extractfile("home/site/wwwroot/host.json")
        assert opened is not None
        host = json.load(opened)
    assert names == {
        f"home/site/wwwroot/{name}" for name in ("host.json", "predict/function.json", "ready/function.json")
    }
    assert host["customHandler"]["enableProxyingHttpRequest"] is True
    assert host["customHandler"]["description"] == {
        "defaultExecutablePath": PYTHON[0],
        "arguments": [*PYTHON[1:], "serve"],
    }


def test_derive_again_pushes_nothing(
    registry: AcrRegistry, base: str, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = derive(registry, base, image)
    monkeypatch.setattr(registry.client, "upload", lambda *_: pytest.fail("something was uploaded"))
    assert derive(registry, base, image) == first


def test_derive_image_by_tag_is_refused(registry: AcrRegistry, base: str) -> None:
    with pytest.raises(SpecError, match="not named by its digest"):
        derive(registry, base, "intermodal.azurecr.io/intermodal/server:1.0.0")
    with pytest.raises(SpecError, match="INTERMODAL_AZURE_FUNCTIONS_BASE"):
        derive(registry, "mcr.microsoft.com/azure-functions/dotnet:4", "a/b@sha256:" + "0" * 64)


def test_image_of_another_parent_is_refused(registry: AcrRegistry, base: str, image: str) -> None:
    found = documents(registry, derive(registry, base, image))
    require_parent(found, image.rpartition("@")[2])
    other = replace(found, config=found.config.replace(PARENT_LABEL.encode(), b"io.intermodal.another"))
    for wrong in (found, other):
        with pytest.raises(SpecError, match="was derived from"):
            require_parent(wrong, "sha256:" + "0" * 64)
