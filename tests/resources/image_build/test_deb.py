import io
import tarfile
from pathlib import Path

import pytest

from intermodal.platform.errors import IntermodalError
from intermodal.resources.image_build.deb import entries, members, merged
from intermodal.resources.image_build.debian import CERTIFICATES, assemble, shipped_base


def tar_of(files: dict[str, bytes | str]) -> bytes:
    """A data.tar.xz; a text is the target of a symbolic link, b'' a folder when the name ends in a slash."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:xz") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(f"./{name}")
            if isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
                tar.addfile(info)
            elif name.endswith("/"):
                info.type, info.mode = tarfile.DIRTYPE, 0o1777
                tar.addfile(info)
            else:
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return target.getvalue()


def deb_of(files: dict[str, bytes | str]) -> bytes:
    archive = b"!<arch>\n"
    for name, data in (("debian-binary", b"2.0"), ("data.tar.xz", tar_of(files))):
        archive += (
            f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(data):<10}`\n".encode() + data + b"\n" * (len(data) % 2)
        )
    return archive


def test_deb_members_of_odd_length_are_read() -> None:
    assert members(deb_of({}))["debian-binary"] == b"2.0"
    with pytest.raises(IntermodalError, match="no ar archive"):
        members(b"<html>not found</html>")
    with pytest.raises(IntermodalError, match="has no data"):
        list(entries(b"!<arch>\n"))


def test_deb_paths_are_merged_into_usr() -> None:
    found = list(entries(deb_of({"lib/": b"", "lib/x/libc.so": b"elf", "usr/bin/p": b"p", "etc/l": "/usr/l"})))
    assert [(entry.path, entry.data, entry.link) for entry in found] == [
        ("usr/lib/x/libc.so", b"elf", ""),
        ("usr/bin/p", b"p", ""),
        ("etc/l", None, "/usr/l"),
    ]
    assert [merged(path) for path in ("./", "./lib", "./lib64/ld", "./library/a")] == [
        "",
        "lib",
        "usr/lib64/ld",
        "library/a",
    ]


def test_assemble_joins_certificates_and_leaves_out_manuals(tmp_path: Path) -> None:
    archive = tmp_path / "one.deb"
    certificates = "usr/share/ca-certificates/mozilla"
    archive.write_bytes(
        deb_of(
            {
                f"{certificates}/b.crt": b"B\n",
                f"{certificates}/a.crt": b"A",
                "usr/share/man/man1/p.1.gz": b"manual",
                "usr/share/doc/p/changelog.gz": b"changes",
                "usr/share/doc/p/copyright": b"licence",
            }
        )
    )
    found = {entry.path: entry for entry in assemble([archive])}
    assert found[CERTIFICATES].data == b"A\nB\n"
    assert found["lib64"].link == "usr/lib64"
    assert found["tmp"].mode == 0o1777
    assert "usr/share/doc/p/copyright" in found
    assert not [path for path in found if "man1" in path or "changelog" in path or path.endswith("a.crt")]


def test_lock_pins_every_package_by_hash() -> None:
    packages = shipped_base().packages
    assert {"python3.11-minimal", "libgomp1", "ca-certificates"} <= {package.name for package in packages}
    assert {len(package.sha256) for package in packages} == {64}
