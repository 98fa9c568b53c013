import json
from pathlib import Path

import pytest

from intermodal.platform.deployment.oci import INDEX_FILE, blob_path, canonical_json, digest_of
from intermodal.platform.errors import IntermodalError
from intermodal.resources.image_build.base import LayoutBase
from intermodal.resources.image_build.cache import LayerCache
from tests.resources.image_build.fakes import builder, digest, write_package


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    package = write_package(tmp_path / "package")
    return builder(tmp_path / "made").build(package, "1.0.0", digest(package), tmp_path / "layout").folder


def first_digest(layout: Path) -> str:
    """The digest of the image that a layout names."""
    digest: str = json.loads((layout / INDEX_FILE).read_bytes())["manifests"][0]["digest"]
    return digest


def put(layout: Path, document: object) -> str:
    data = canonical_json(document)
    (layout / blob_path(digest_of(data))).write_bytes(data)
    return digest_of(data)


def manifest_of(layout: Path) -> dict:
    return json.loads((layout / blob_path(first_digest(layout))).read_bytes())


def test_layout_base_keeps_layers_and_variables(layout: Path, tmp_path: Path) -> None:
    base = LayoutBase(layout, first_digest(layout)).get(LayerCache(tmp_path / "cache"))
    wanted = [layer["digest"] for layer in manifest_of(layout)["layers"]]
    assert [cached.layer.digest for cached in base.layers] == wanted
    assert base.environment["PATH"] == "/usr/bin"


def test_layout_base_index_gives_the_linux_amd64_image(layout: Path, tmp_path: Path) -> None:
    entries = json.loads((layout / "index.json").read_bytes())["manifests"]
    other = {**entries[0], "digest": "sha256:" + "0" * 64, "platform": {"architecture": "arm64", "os": "linux"}}
    index = put(layout, {"schemaVersion": 2, "manifests": [other, *entries]})
    assert len(LayoutBase(layout, index).get(LayerCache(tmp_path / "cache")).layers) == 3
    with pytest.raises(IntermodalError, match="has no image for linux/amd64"):
        LayoutBase(layout, put(layout, {"manifests": [other]})).get(LayerCache(tmp_path / "cache"))


def test_layout_base_layers_other_than_gzip_are_refused(layout: Path, tmp_path: Path) -> None:
    manifest = manifest_of(layout)
    manifest["layers"][0]["mediaType"] = "application/vnd.oci.image.layer.v1.tar+zstd"
    with pytest.raises(IntermodalError, match="Lambda takes gzip only"):
        LayoutBase(layout, put(layout, manifest)).get(LayerCache(tmp_path / "cache"))


def test_layout_base_damaged_blob_is_refused(layout: Path, tmp_path: Path) -> None:
    reference = manifest_of(layout)["layers"][0]["digest"]
    path = layout / blob_path(reference)
    path.unlink()
    with pytest.raises(IntermodalError, match="missing or damaged"):
        LayoutBase(layout, first_digest(layout)).get(LayerCache(tmp_path / "cache"))
    path.write_bytes(b"other")
    with pytest.raises(IntermodalError, match="missing or damaged"):
        LayoutBase(layout, first_digest(layout)).get(LayerCache(tmp_path / "cache"))
    with pytest.raises(IntermodalError, match="has no blob"):
        LayoutBase(layout, "sha256:" + "1" * 64).get(LayerCache(tmp_path / "cache"))
