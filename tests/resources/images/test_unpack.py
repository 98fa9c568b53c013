import gzip
import io
import json
import tarfile
from pathlib import Path

import pytest

from intermodal.platform.deployment.oci import ImageConfig, ImageManifest, Layer, blob_path, digest_of
from intermodal.platform.errors import IntermodalError
from intermodal.resources.images.unpack import unpack
from tests.resources.image_build.fakes import builder, digest, write_package


def layout_of(folder: Path, *layers: dict[str, bytes]) -> str:
    """An image with these files in its layers, and its digest."""

    def put(data: bytes) -> str:
        path = folder / blob_path(digest_of(data))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return digest_of(data)

    made = []
    for files in layers:
        plain = io.BytesIO()
        with tarfile.open(fileobj=plain, mode="w") as tar:
            for name, content in files.items():
                info = tarfile.TarInfo(name)
                info.size, info.mode = len(content), 0o4755
                tar.addfile(info, io.BytesIO(content))
        data = gzip.compress(plain.getvalue())
        made.append(Layer("x", put(data), len(data), digest_of(plain.getvalue())))
    config = ImageConfig(tuple(made), ("x",)).to_json()
    put(config)
    return put(ImageManifest(config, tuple(made)).to_json())


def files_of(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_unpack_gives_the_package_and_the_config(tmp_path: Path) -> None:
    package = write_package(tmp_path / "package")
    built = builder(tmp_path / "cache").build(package, "1.0.0", digest(package), tmp_path / "layout")
    config = unpack(built.folder, built.digest, tmp_path / "root")
    assert files_of(tmp_path / "root/model") == files_of(package)
    assert config["config"]["Labels"]["io.intermodal.digest"] == digest(package)
    served = tmp_path / "root/opt/intermodal/app/intermodal"
    assert {path.name for path in served.iterdir()} == {"platform", "serving"}
    assert {path.name for path in (served / "platform").iterdir()} == {"errors.py", "protocol", "__pycache__"}
    assert list(served.rglob("__main__.cpython-311.pyc"))


def test_unpack_later_layers_replace_and_delete(tmp_path: Path) -> None:
    reference = layout_of(
        tmp_path, {"a": b"1", "b": b"1", "d/x": b"1"}, {"a": b"2", ".wh.b": b"", "d/.wh..wh..opq": b""}
    )
    unpack(tmp_path, reference, tmp_path / "root")
    assert files_of(tmp_path / "root") == {"a": b"2"}
    assert (tmp_path / "root/a").stat().st_mode & 0o7777 == 0o755


def test_unpack_path_outside_is_refused(tmp_path: Path) -> None:
    with pytest.raises(tarfile.FilterError):
        unpack(tmp_path, layout_of(tmp_path, {"../outside": b"1"}), tmp_path / "root")
    assert not (tmp_path / "outside").exists()


def test_unpack_damaged_blob_is_refused(tmp_path: Path) -> None:
    reference = layout_of(tmp_path, {"a": b"1"})
    manifest = json.loads((tmp_path / blob_path(reference)).read_bytes())
    (tmp_path / blob_path(manifest["layers"][0]["digest"])).write_bytes(b"other")
    with pytest.raises(IntermodalError, match="missing or damaged"):
        unpack(tmp_path, reference, tmp_path / "root")
