import json

import pytest

from intermodal.platform.deployment import oci
from intermodal.platform.errors import SpecError

LAYERS = (oci.Layer("base", "sha256:" + "a" * 64, 10, "sha256:" + "b" * 64),)


def test_config_has_one_history_entry_for_each_layer() -> None:
    text = oci.ImageConfig(LAYERS * 3, ("python3", "-m", "x"), {"B": "2", "A": "1"}).to_json()
    config = json.loads(text)
    assert len(config["history"]) == len(config["rootfs"]["diff_ids"]) == 3
    assert config["config"]["Env"] == ["A=1", "B=2"]
    assert "User" not in config["config"]
    assert (config["os"], config["architecture"]) == ("linux", "amd64")


def test_config_same_values_in_another_order_same_bytes() -> None:
    first = oci.ImageConfig(LAYERS, ("x",), {"A": "1", "B": "2"}, {"m": "1", "l": "2"})
    second = oci.ImageConfig(LAYERS, ("x",), {"B": "2", "A": "1"}, {"l": "2", "m": "1"})
    assert first.to_json() == second.to_json()


def test_manifest_names_config_and_layers_by_digest() -> None:
    manifest = json.loads(oci.ImageManifest(b"{}", LAYERS, {"k": "v"}).to_json())
    assert manifest["config"] == {"mediaType": oci.CONFIG_TYPE, "digest": oci.digest_of(b"{}"), "size": 2}
    assert manifest["layers"] == [{"mediaType": oci.LAYER_TYPE, "digest": LAYERS[0].digest, "size": 10}]
    assert manifest["annotations"] == {"k": "v"}
    assert "annotations" not in json.loads(oci.ImageManifest(b"{}", LAYERS).to_json())


def test_index_has_one_linux_amd64_manifest() -> None:
    index = json.loads(oci.index_json(b"manifest"))
    assert [entry["digest"] for entry in index["manifests"]] == [oci.digest_of(b"manifest")]
    assert index["manifests"][0]["platform"] == {"architecture": "amd64", "os": "linux"}


@pytest.mark.parametrize("digest", ["", "sha256:", "sha256:../../etc/passwd", "md5:" + "a" * 64, "sha256:" + "A" * 64])
def test_blob_path_other_than_sha256_is_refused(digest: str) -> None:
    with pytest.raises(SpecError):
        oci.blob_path(digest)
