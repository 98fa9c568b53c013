import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from intermodal.platform.deployment.oci import ImageLayout, blob_path
from intermodal.platform.deployment.provenance import Material
from intermodal.platform.deployment.sbom import python
from intermodal.platform.errors import IntermodalError
from intermodal.platform.protocol.manifest import sha256_of
from intermodal.platform.protocol.package import Package
from intermodal.platform.protocol.requirements import LOCK
from intermodal.platform.protocol.signature import Output, Signature
from intermodal.resources.image_build.base import Base
from intermodal.resources.image_build.documents import documents
from intermodal.resources.images.unpack import unpack
from intermodal.resources.requirements import UvLocker
from tests.resources.image_build.fakes import builder, digest, write_package
from tests.wheels import wheels

__all__ = ["wheels"]


def blobs(built: ImageLayout) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in (built.folder / "blobs/sha256").iterdir()}


def document(built: ImageLayout, reference: str) -> dict:
    return json.loads((built.folder / blob_path(reference)).read_bytes())


def test_build_writes_a_layout_whose_blobs_have_their_digests(tmp_path: Path) -> None:
    package = write_package(tmp_path / "package")
    built = builder(tmp_path / "cache").build(package, "1.2.3", digest(package), tmp_path / "image")
    assert {path.name for path in built.folder.iterdir()} == {"oci-layout", "index.json", "blobs"}
    for path in (built.folder / "blobs/sha256").iterdir():
        assert sha256_of(path) == path.name
    assert built.size == sum(blobs(built).values())
    index = json.loads((built.folder / "index.json").read_bytes())
    assert [entry["digest"] for entry in index["manifests"]] == [built.digest]
    manifest = document(built, built.digest)
    config = document(built, manifest["config"]["digest"])
    assert [layer["digest"] for layer in manifest["layers"]] == [layer.digest for layer in built.layers]
    assert [layer.name for layer in built.layers] == ["base", "app", "model"]
    assert len(config["history"]) == 3
    assert config["config"]["Entrypoint"] == ["/usr/bin/python3.11", "-m", "intermodal.serving"]
    assert config["config"]["WorkingDir"] == "/"
    assert config["config"]["Labels"] == {
        "org.opencontainers.image.title": "no_show",
        "org.opencontainers.image.version": "1.2.3",
        "io.intermodal.model": "no_show",
        "io.intermodal.version": "1.2.3",
        "io.intermodal.digest": digest(package),
    }
    environment = dict(text.split("=", 1) for text in config["config"]["Env"])
    assert environment["OMP_NUM_THREADS"] == environment["PYTHONUNBUFFERED"] == "1"
    assert environment["INTERMODAL_PROCESSES"] == "auto"
    assert environment["PATH"] == "/usr/bin"


PROGRAM = """
import sys
from pathlib import Path
from tests.resources.image_build.fakes import builder, digest, write_package
home = Path(sys.argv[1])
package = write_package(home / "package")
print(builder(home / "cache").build(package, "1.0.0", digest(package), home / "image").digest)
"""


def test_build_in_another_folder_and_hash_seed_has_one_digest(tmp_path: Path) -> None:
    digests = set()
    for seed, name in (("0", "one"), ("77", "a-longer-name/below")):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(tmp_path / name)],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            capture_output=True,
            text=True,
            check=True,
        )
        digests.add(done.stdout.strip())
    assert len(digests) == 1


def test_build_retrained_moves_model_config_and_manifest_only(tmp_path: Path) -> None:
    old, new = write_package(tmp_path / "old"), write_package(tmp_path / "new", os.urandom(3000))
    images = builder(tmp_path / "cache")
    before = images.build(old, "1.0.0", digest(old), tmp_path / "1")
    after = images.build(new, "1.1.0", digest(new), tmp_path / "2")
    fresh = blobs(after).keys() - blobs(before).keys()
    config = document(after, after.digest)["config"]["digest"]
    assert {f"sha256:{name}" for name in fresh} == {after.digest, config, after.layers[-1].digest}
    assert sum(blobs(after)[name] for name in fresh) < 3000 + 4000
    assert before.layers[:-1] == after.layers[:-1]


def test_build_model_with_its_own_packages_has_a_layer_of_them(tmp_path: Path, wheels: Path) -> None:
    images, built = builder(tmp_path / "cache"), []
    lock = UvLocker().lock("tinyscale", "sklearn", {})
    for number, model in enumerate((b"one", b"two")):
        package = write_package(tmp_path / f"package{number}", model)
        Package("no_show", "binary", "sklearn", "model.txt", Signature((), (Output("p"),)), python="3.11").write(
            package
        )
        (package / LOCK).write_text(lock)
        built.append(images.build(package, f"1.0.{number}", digest(package), tmp_path / f"{number}"))
        for path in wheels.iterdir():
            path.unlink()  # the second build takes the layer of the first
    assert [layer.name for layer in built[0].layers] == ["base", "app", "packages", "model"]
    assert built[0].layers[:-1] == built[1].layers[:-1]
    config = unpack(built[1].folder, built[1].digest, tmp_path / "root")
    environment = dict(text.split("=", 1) for text in config["config"]["Env"])
    own = environment["PYTHONPATH"].rpartition(":")[2]
    assert "1.1" in (tmp_path / "root" / own.lstrip("/") / "tinyscale.py").read_text()


def test_build_format_that_is_data_has_no_layer_of_packages(tmp_path: Path, wheels: Path) -> None:
    package = write_package(tmp_path / "package")
    (package / LOCK).write_text(UvLocker().lock("tinyscale", "lightgbm", {}))
    built = builder(tmp_path / "cache").build(package, "1.0.0", digest(package), tmp_path / "image")
    assert [layer.name for layer in built.layers] == ["base", "app", "model"]
    assert wheels.is_dir()


def test_build_package_of_another_digest_is_refused(tmp_path: Path) -> None:
    package = write_package(tmp_path / "package")
    with pytest.raises(IntermodalError, match="has the digest"):
        builder(tmp_path / "cache").build(package, "1.0.0", "0" * 64, tmp_path / "image")
    assert not (tmp_path / "image").exists()


@pytest.mark.parametrize("part", ["cache", "image"])
def test_build_where_nothing_can_be_written_is_a_sentence(tmp_path: Path, part: str) -> None:
    package = write_package(tmp_path / "package")
    (tmp_path / part).write_text("a file where a folder is needed raises OSError, as a full disk does")
    with pytest.raises(IntermodalError, match=r"1.0.0 in .* cannot be written") as caught:
        builder(tmp_path / "cache").build(package, "1.0.0", digest(package), tmp_path / "image")
    assert str(tmp_path / part) in str(caught.value.hint)


def test_build_into_a_used_folder_is_refused(tmp_path: Path) -> None:
    package = write_package(tmp_path / "package")
    images = builder(tmp_path / "cache")
    images.build(package, "1.0.0", digest(package), tmp_path / "image")
    with pytest.raises(IntermodalError, match="is not empty"):
        images.build(package, "1.0.0", digest(package), tmp_path / "image")


def test_build_documents_name_parts_and_are_the_same_again(tmp_path: Path) -> None:
    package = write_package(tmp_path / "package")
    first, again = (
        builder(tmp_path / f"cache{number}").build(package, "1.0.0", digest(package), tmp_path / f"image{number}")
        for number in (1, 2)
    )
    assert first.documents == again.documents
    sbom, provenance = (json.loads(document.data) for document in first.documents)
    assert {part["name"] for part in sbom["components"]} == {"intermodal", "no_show"}
    assert sbom["metadata"]["component"]["hashes"][0]["content"] == first.digest.removeprefix("sha256:")
    assert provenance["subject"] == [{"name": "no_show", "digest": {"sha256": first.digest.removeprefix("sha256:")}}]
    definition = provenance["predicate"]["buildDefinition"]
    assert definition["externalParameters"]["package"] == {"sha256": digest(package)}
    assert str(tmp_path) not in json.dumps([sbom, provenance])


def test_build_documents_name_locks_by_their_digests(tmp_path: Path) -> None:
    package = write_package(tmp_path / "package")
    lock = tmp_path / "requirements-lightgbm.txt"
    lock.write_text("msgspec==1.0 --hash=sha256:" + "e" * 64)
    base = Base((), "python", components=(python("x", "1"),), materials=(Material("base.lock.json", "f" * 64),))
    made = documents(Package.read(package), "1.0.0", digest(package), "sha256:" + "0" * 64, base, [lock])
    sbom, provenance = (json.loads(document.data) for document in made)
    assert {part["name"] for part in sbom["components"]} == {"x", "msgspec", "intermodal", "no_show"}
    resolved = provenance["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert {each["name"]: each["digest"]["sha256"] for each in resolved} == {
        "base.lock.json": "f" * 64,
        "requirements-lightgbm.txt": sha256_of(lock),
        "no_show 1.0.0": digest(package),
    }
