import gzip
import hashlib
import io
import os
import tarfile
from pathlib import Path

import pytest

from intermodal.platform.errors import SpecError
from intermodal.resources.image_build.layers import Entry, file_entry, folder_entries, write_layer


def written(entries: list[Entry]) -> tuple[bytes, list[tarfile.TarInfo]]:
    target = io.BytesIO()
    layer = write_layer("x", entries, target)
    data = target.getvalue()
    assert layer.digest == f"sha256:{hashlib.sha256(data).hexdigest()}"
    assert layer.size == len(data)
    plain = gzip.decompress(data)
    assert layer.diff_id == f"sha256:{hashlib.sha256(plain).hexdigest()}"
    return data, tarfile.open(fileobj=io.BytesIO(plain)).getmembers()


def test_layer_is_sorted_with_parents_and_without_owner_or_time() -> None:
    entries = [file_entry("b/c/late", b"2"), file_entry("a", b"1"), Entry("b/link", 0, link="c/late")]
    _, members = written(entries)
    assert [member.name for member in members] == ["a", "b", "b/c", "b/c/late", "b/link"]
    assert {(member.mtime, member.uid, member.gid, member.uname) for member in members} == {(0, 0, 0, "")}
    assert [member.mode for member in members] == [0o644, 0o755, 0o755, 0o644, 0o777]
    assert members[-1].linkname == "c/late"


def test_layer_order_of_entries_does_not_change_it() -> None:
    entries = [file_entry(f"{name}/file", name.encode()) for name in "cab"]
    assert written(entries)[0] == written(entries[::-1])[0]


def test_folder_owner_time_and_umask_do_not_change_the_layer(tmp_path: Path) -> None:
    layers = []
    for name, mode, time in (("one", 0o600, 1), ("two", 0o664, 2_000_000_000)):
        folder = tmp_path / name
        (folder / "sub").mkdir(parents=True)
        for file in ("z", "sub/ä" + "long" * 40, "__pycache__"):
            (folder / file).write_bytes(b"content")
            (folder / file).chmod(mode)
            os.utime(folder / file, (time, time))
        layers.append(written(list(folder_entries(folder, "below/here", skip=["__pycache__"]))))
    assert layers[0][0] == layers[1][0]
    names = [member.name for member in layers[0][1]]
    assert names == ["below", "below/here", "below/here/sub", "below/here/sub/ä" + "long" * 40, "below/here/z"]


def test_program_keeps_its_mode_and_pax_is_for_long_names_only(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"#!")
    program.chmod(0o700)
    _, members = written([file_entry("program", program), file_entry("é" * 200, b"")])
    assert [member.mode for member in members] == [0o755, 0o644]
    assert [bool(member.pax_headers) for member in members] == [False, True]


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../up", "a/../../b"])
def test_path_outside_of_the_image_is_refused(path: str) -> None:
    with pytest.raises(SpecError, match="cannot be a path"):
        written([file_entry(path, b"")])


def test_name_that_deletes_a_file_of_an_image_is_refused() -> None:
    """It would be missing in the container, which then refuses the package as not what was signed."""
    with pytest.raises(SpecError, match=r"'model/.wh.x' cannot be in an image"):
        write_layer("x", [Entry("model/.wh.x", 0o644, b"1")], io.BytesIO())


def test_two_files_of_one_path_are_refused() -> None:
    with pytest.raises(SpecError, match="Two files"):
        written([file_entry("a", b"1"), file_entry("a", b"2")])
