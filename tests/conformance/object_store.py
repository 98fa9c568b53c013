"""What every ObjectStore promises. An adapter's test inherits the class and gives two fixtures:

class TestS3(ObjectStoreConformance):
    adapter: ClassVar[str] = "aws"    # its entry point

    @pytest.fixture(scope="class")
    def storage(self, moto): ...        # Storage: the emulator's address, and how a configuration is made of an address
"""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from intermodal.platform import catalogue
from intermodal.platform.errors import IntermodalError, NotFound, Refused, SpecError, Throttled, Unavailable
from intermodal.platform.ports import ObjectStore
from intermodal.platform.protocol.manifest import MANIFEST, FileEntry, Manifest
from intermodal.platform.targets import Site
from intermodal.sandbox.settings import free_port
from tests.fault_proxy import Fault, FaultProxy, Seen, fault_proxy

ROOT = Path(__file__).resolve().parents[2]
MEGABYTE = 1_000_000
ODD_NAMES = (
    "a b.txt", "ä/é/日本.bin", "hash#tag", "per%cent", "per%20cent", "plus+and&eq=", "ask?me", "[x]{y}", "~^`'()!@$,;",
    ".hidden", "deep/er/and/deeper/file.json", "no-extension", "UPPER/lower",
)  # fmt: skip


@dataclass(frozen=True)
class Storage:
    """``origin`` is scheme, host and port of the emulator; ``config`` makes the adapter's fields from an origin.

    ``no_proxy`` is the reason why no proxy can count and disturb the store's requests.
    """

    origin: str
    config: Callable[[str], dict[str, Any]]
    bucket_field: str = "bucket"
    no_proxy: str = ""

    def require_network(self) -> None:
        if self.no_proxy:
            pytest.skip(self.no_proxy)


def write(folder: Path, files: dict[str, bytes]) -> tuple[Path, Manifest]:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder, Manifest.of(folder)


def is_upload(seen: Seen) -> bool:
    """A request with an artifact's bytes; not the manifest, not the start or end of a multipart upload."""
    return seen.method == "PUT" and MANIFEST not in seen.path.replace("%2E", ".") and "comp=blocklist" not in seen.path


class ObjectStoreConformance:
    adapter: ClassVar[str]
    large: ClassVar[int] = int(os.environ.get("INTERMODAL_TEST_LARGE_BYTES", 300 * MEGABYTE))

    @property
    def store_class(self) -> Any:
        return catalogue.load("object_stores", self.adapter)

    @pytest.fixture(scope="class")
    def proxy(self, storage: Storage) -> Iterator[FaultProxy]:
        storage.require_network()
        with fault_proxy(storage.origin) as proxy:
            yield proxy

    @pytest.fixture
    def store(self, storage: Storage) -> ObjectStore:
        return self.store_class(**storage.config(storage.origin), retry_seconds=5)

    @pytest.fixture
    def watched(self, storage: Storage, proxy: FaultProxy) -> ObjectStore:
        """The same store through the proxy, whose counts and faults are reset."""
        proxy.reset()
        return self.store_class(**storage.config(proxy.url), retry_seconds=3)

    @pytest.fixture
    def prefix(self) -> str:
        return f"test-{uuid.uuid4().hex}/1.0.0"

    # Objects

    def test_site_is_that_of_the_entry_point(self, store: ObjectStore, storage: Storage) -> None:
        assert store.site == Site(self.adapter)
        named = self.store_class(**storage.config(storage.origin), named_region="elsewhere-1")
        assert named.site == Site(self.adapter, "elsewhere-1")
        assert named.uri("a") == store.uri("a")
        assert str(storage.config(storage.origin)[storage.bucket_field]) in named.description

    def test_put_object_is_read_and_listed(self, store: ObjectStore, prefix: str) -> None:
        store.put(f"{prefix}/a", b"one")
        store.put(f"{prefix}/deeper/b", b"")
        store.put(f"{prefix}/a", b"other")
        store.put(f"{prefix}-not-below/c", b"no")
        assert store.get(f"{prefix}/a") == b"other"
        assert store.get(f"{prefix}/deeper/b") == b""
        assert store.list(prefix) == {f"{prefix}/a": 5, f"{prefix}/deeper/b": 0}

    @pytest.mark.parametrize("size", [0, 10, 3 << 20])
    def test_download_object_is_written_and_hashed(
        self, store: ObjectStore, prefix: str, tmp_path: Path, size: int
    ) -> None:
        data = random.Random(size).randbytes(size)
        store.put(f"{prefix}/a", data)
        assert store.download(f"{prefix}/a", tmp_path / "a") == hashlib.sha256(data).hexdigest()
        assert (tmp_path / "a").read_bytes() == data

    def test_download_broken_connection_is_resumed(
        self, watched: ObjectStore, proxy: FaultProxy, prefix: str, tmp_path: Path
    ) -> None:
        data = random.Random(5).randbytes(7 << 20)
        watched.put(f"{prefix}/a", data)
        proxy.faults = [Fault(0, times=1, after=3 << 20, match=lambda seen: seen.method == "GET")]
        assert watched.download(f"{prefix}/a", tmp_path / "a") == hashlib.sha256(data).hexdigest()
        assert [fault.times for fault in proxy.faults] == [0]

    def test_missing_name_is_not_found(self, store: ObjectStore, prefix: str, tmp_path: Path) -> None:
        with pytest.raises(NotFound, match="nothing"):
            store.get(f"{prefix}/nothing")
        with pytest.raises(NotFound, match="nothing"):
            store.download(f"{prefix}/nothing", tmp_path / "nothing")
        assert store.list(prefix) == {}

    def test_delete_is_idempotent(self, store: ObjectStore, prefix: str) -> None:
        store.put(f"{prefix}/a", b"one")
        store.delete(f"{prefix}/a")
        store.delete(f"{prefix}/a")
        assert store.list(prefix) == {}

    def test_missing_bucket_is_named(self, storage: Storage, prefix: str, tmp_path: Path) -> None:
        config = {**storage.config(storage.origin), storage.bucket_field: "no-such-bucket"}
        store = self.store_class(**config, retry_seconds=1)
        source, manifest = write(tmp_path / "source", {"a": b"1"})
        for action in (
            lambda: store.put("a", b""),
            lambda: store.get("a"),
            lambda: store.mirror(source, manifest, prefix),
        ):
            with pytest.raises(NotFound, match=r"no-such-bucket.*Create it"):
                action()

    # Mirrors

    def test_mirror_has_exactly_the_manifests_files(self, store: ObjectStore, prefix: str, tmp_path: Path) -> None:
        source, manifest = write(tmp_path, {name: name.encode() for name in ODD_NAMES} | {"empty": b""})
        report = store.mirror(source, manifest, prefix)
        assert set(report.copied) == set(manifest.files)
        assert (report.kept, report.repaired, report.removed) == ((), (), ())
        assert report.uri == store.uri(prefix)
        assert report.digest == manifest.digest
        assert report.bytes_copied == manifest.size
        for name, data in {**{name: name.encode() for name in ODD_NAMES}, "empty": b""}.items():
            assert store.get(f"{prefix}/{name}") == data
        assert store.damaged(manifest, prefix) == {}
        assert Manifest.from_json(store.get(f"{prefix}/{MANIFEST}")) == manifest

    def test_mirror_unchanged_takes_a_list_and_a_get(
        self, watched: ObjectStore, proxy: FaultProxy, prefix: str, tmp_path: Path
    ) -> None:
        source, manifest = write(tmp_path, {f"{i}": bytes([i]) * 1000 for i in range(40)} | {"big": bytes(12 << 20)})
        watched.mirror(source, manifest, prefix)
        proxy.reset()
        report = watched.mirror(source, manifest, prefix)
        assert set(report.kept) == set(manifest.files)
        assert (report.copied, report.repaired, report.removed, report.bytes_copied) == ((), (), (), 0)
        assert [seen.method for seen in proxy.seen if seen.path != "/token"] == ["GET", "GET"]

    def test_mirror_empty_version_is_a_manifest(self, store: ObjectStore, prefix: str, tmp_path: Path) -> None:
        store.mirror(tmp_path, Manifest(), prefix)
        assert store.list(prefix).keys() == {f"{prefix}/{MANIFEST}"}
        assert store.damaged(Manifest(), prefix) == {}

    def test_mirror_damage_is_found_and_repaired(self, store: ObjectStore, prefix: str, tmp_path: Path) -> None:
        source, manifest = self._damaged(store, prefix, tmp_path)
        assert store.damaged(manifest, prefix).keys() == {"same-size", "half", "gone", "stray/file"}
        report = store.mirror(source, manifest, prefix)
        assert set(report.repaired) == {"same-size", "half"}
        assert (report.copied, report.kept, report.removed) == (("gone",), ("good",), ("stray/file",))
        assert store.damaged(manifest, prefix) == {}
        assert store.mirror(source, manifest, prefix).bytes_copied == 0

    def test_changed_finds_damage_and_reads_nothing_else(
        self, watched: ObjectStore, proxy: FaultProxy, prefix: str, tmp_path: Path
    ) -> None:
        """The listing, the manifest, and the one object of another ETag and the old size."""
        _, manifest = self._damaged(watched, prefix, tmp_path)
        proxy.reset()
        found = watched.changed(manifest, prefix)
        assert found == watched.damaged(manifest, prefix)
        assert found.keys() == {"same-size", "half", "gone", "stray/file"}
        requests = [seen for seen in proxy.seen if seen.path != "/token"]
        damaged = 2 + 2  # that read also the object that is whole
        assert len(requests) == 3 + damaged

    def test_changed_object_written_again_with_the_same_bytes_is_whole(
        self, store: ObjectStore, prefix: str, tmp_path: Path
    ) -> None:
        source, manifest = write(tmp_path, {"a": b"1", "b": b"2"})
        store.mirror(source, manifest, prefix)
        store.put(f"{prefix}/a", b"1")
        assert store.changed(manifest, prefix) == {}
        store.delete(f"{prefix}/{MANIFEST}")
        assert store.changed(manifest, prefix).keys() == {MANIFEST}

    def test_mirror_repair_sends_only_damaged_files(
        self, watched: ObjectStore, proxy: FaultProxy, prefix: str, tmp_path: Path
    ) -> None:
        source, manifest = self._damaged(watched, prefix, tmp_path)
        proxy.reset()
        watched.mirror(source, manifest, prefix)
        assert len([seen for seen in proxy.seen if is_upload(seen)]) == 3

    @staticmethod
    def _damaged(store: ObjectStore, prefix: str, folder: Path) -> tuple[Path, Manifest]:
        """A mirror with an object of other bytes, a cut one, a missing one and a stray one."""
        files = {"good": b"good", "same-size": b"12345", "half": bytes(range(256)), "gone": b"gone"}
        source, manifest = write(folder, files)
        store.mirror(source, manifest, prefix)
        store.put(f"{prefix}/same-size", b"1234x")
        store.put(f"{prefix}/half", files["half"][:100])
        store.put(f"{prefix}/stray/file", b"?")
        store.delete(f"{prefix}/gone")
        return source, manifest

    def test_mirror_another_version_replaces_the_first(self, store: ObjectStore, prefix: str, tmp_path: Path) -> None:
        source, first = write(tmp_path / "1", {"model": b"old!", "shared": b"same", "old": b"1"})
        other_source, second = write(tmp_path / "2", {"model": b"new!", "shared": b"same", "new": b"2"})
        store.mirror(source, first, prefix)
        assert store.damaged(second, prefix)
        report = store.mirror(other_source, second, prefix)
        assert (report.copied, report.repaired) == (("new",), ("model",))
        assert (report.kept, report.removed) == (("shared",), ("old",))
        assert store.damaged(second, prefix) == {}

    @pytest.mark.parametrize("garbage", [b"", b"{", b"[1]", b'{"a": 1}', b'{"a": {"size": 1}}', b"\xff\xfe"])
    def test_mirror_damaged_manifest_is_rewritten(
        self, watched: ObjectStore, proxy: FaultProxy, prefix: str, tmp_path: Path, garbage: bytes
    ) -> None:
        source, manifest = write(tmp_path, {"a": b"1", "b": b"2"})
        watched.mirror(source, manifest, prefix)
        watched.put(f"{prefix}/{MANIFEST}", garbage)
        assert watched.damaged(manifest, prefix).keys() == {MANIFEST}
        proxy.reset()
        assert set(watched.mirror(source, manifest, prefix).kept) == {"a", "b"}
        assert [seen for seen in proxy.seen if is_upload(seen)] == []
        assert watched.damaged(manifest, prefix) == {}

    @pytest.mark.parametrize("change", ["bytes", "size", "gone"])
    def test_mirror_changed_source_is_an_error(
        self, store: ObjectStore, prefix: str, tmp_path: Path, change: str
    ) -> None:
        source, manifest = write(tmp_path, {"a": b"first", "b": b"other"})
        if change == "gone":
            (source / "a").unlink()
        else:
            (source / "a").write_bytes(b"later" if change == "bytes" else b"longer than it was")
        with pytest.raises(IntermodalError, match="not what its manifest says"):
            store.mirror(source, manifest, prefix)
        assert f"{prefix}/{MANIFEST}" not in store.list(prefix)

    def test_mirror_failed_repair_leaves_no_manifest(self, store: ObjectStore, prefix: str, tmp_path: Path) -> None:
        source, manifest = write(tmp_path, {"a": b"first", "b": b"other"})
        store.mirror(source, manifest, prefix)
        store.delete(f"{prefix}/a")
        (source / "a").unlink()
        with pytest.raises(IntermodalError):
            store.mirror(source, manifest, prefix)
        assert f"{prefix}/{MANIFEST}" not in store.list(prefix)

    @pytest.mark.parametrize("name", ["back\\slash", "line\nbreak", "dot.", "a/../b", MANIFEST, "x" * 801])
    def test_mirror_unportable_name_is_refused(
        self, store: ObjectStore, prefix: str, tmp_path: Path, name: str
    ) -> None:
        with pytest.raises(SpecError):
            store.mirror(tmp_path, Manifest({name: FileEntry(1, "0" * 64)}), prefix)

    # Faults

    def test_mirror_after_a_kill_is_continued(
        self, storage: Storage, watched: ObjectStore, proxy: FaultProxy, prefix: str, tmp_path: Path
    ) -> None:
        noise = random.Random(1)
        source, manifest = write(tmp_path, {f"{i:02}.bin": noise.randbytes(200_000) for i in range(40)})
        reached, uploads = threading.Event(), []

        def count(seen: Seen) -> None:
            if is_upload(seen):
                uploads.append(seen)
                if len(uploads) >= 15:
                    reached.set()

        proxy.on_request = count
        child = self._child(storage.config(proxy.url), source, prefix)
        assert reached.wait(60)
        child.send_signal(signal.SIGKILL)
        child.communicate()
        kept = self._stable_list(watched, prefix)
        assert 0 < len(kept) < 40
        assert f"{prefix}/{MANIFEST}" not in kept
        proxy.reset()
        report = watched.mirror(source, manifest, prefix)
        assert len(report.kept) == len(kept)
        assert len(report.copied) == 40 - len(kept)
        assert len([seen for seen in proxy.seen if is_upload(seen)]) == 40 - len(kept)
        assert watched.damaged(manifest, prefix) == {}

    @pytest.mark.parametrize("status", [429, 503, 500])
    def test_mirror_failing_store_is_retried(
        self, watched: ObjectStore, proxy: FaultProxy, prefix: str, tmp_path: Path, status: int
    ) -> None:
        source, manifest = write(tmp_path, {"a": b"1", "b": b"2"})
        proxy.faults = [Fault(status, times=2), Fault(status, times=1, match=is_upload)]
        watched.mirror(source, manifest, prefix)
        assert watched.damaged(manifest, prefix) == {}

    @pytest.mark.parametrize(
        ("status", "body", "expected"),
        [
            (403, "<Error><Code>AccessDenied</Code></Error>", Refused),
            (401, "", Refused),
            (429, "", Throttled),
            (503, "<Error><Code>SlowDown</Code></Error>", Throttled),
            (503, "<Error><Code>ServerBusy</Code></Error>", Throttled),
            (503, "", Unavailable),
            (500, "", Unavailable),
        ],
    )
    def test_mirror_lasting_failure_is_translated(
        self, storage: Storage, proxy: FaultProxy, prefix: str, tmp_path: Path, status: int, body: str, expected: type
    ) -> None:
        proxy.reset()
        store = self.store_class(**storage.config(proxy.url), retry_seconds=0.3)
        source, manifest = write(tmp_path, {"a": b"1", "b": b"2"})
        store.list(prefix)  # so that credentials are there and the fault meets the store itself
        for match in (lambda _: True, is_upload):
            proxy.faults = [Fault(status, body=body, match=match)]
            with pytest.raises(expected) as caught:
                store.mirror(source, manifest, prefix)
            assert caught.type is expected
            assert storage.config("")[storage.bucket_field] in str(caught.value)
            assert caught.value.hint
        proxy.reset()
        assert f"{prefix}/{MANIFEST}" not in store.list(prefix)

    def test_mirror_broken_connection_is_resumed(
        self, watched: ObjectStore, proxy: FaultProxy, prefix: str, tmp_path: Path
    ) -> None:
        """Lost responses to uploads, and downloads that end half-way."""
        source, manifest = write(tmp_path, {"a": b"1", "big": random.Random(4).randbytes(7 << 20)})
        proxy.faults = [
            Fault(0, times=2, match=is_upload),
            Fault(0, times=1, after=3 << 20, match=lambda seen: seen.method == "GET" and "big" in seen.path),
        ]
        watched.mirror(source, manifest, prefix)
        assert [fault.times for fault in proxy.faults] == [0, 0]
        assert watched.damaged(manifest, prefix) == {}

    def test_list_unreachable_store_is_unavailable(self, storage: Storage) -> None:
        storage.require_network()
        store = self.store_class(**storage.config(f"http://127.0.0.1:{free_port()}"), retry_seconds=0.3)
        with pytest.raises(Unavailable):
            store.list("x")

    def test_mirror_twice_at_once_both_are_complete(self, storage: Storage, prefix: str, tmp_path: Path) -> None:
        noise = random.Random(2)
        source, manifest = write(tmp_path, {f"{i}": noise.randbytes(300_000) for i in range(12)})
        stores = [self.store_class(**storage.config(storage.origin), retry_seconds=5) for _ in range(2)]
        with ThreadPoolExecutor(2) as pool:
            reports = list(pool.map(lambda store: store.mirror(source, manifest, prefix), stores))
        assert {report.digest for report in reports} == {manifest.digest}
        assert stores[0].damaged(manifest, prefix) == {}

    def test_mirror_large_artifact_needs_constant_memory(self, storage: Storage, prefix: str, tmp_path: Path) -> None:
        """300 MB by default; INTERMODAL_TEST_LARGE_BYTES=2000000000 for the real thing. The cloud's library counts."""
        block = random.Random(3).randbytes(1 << 20)
        with (tmp_path / "model.bin").open("wb") as file:
            for number in range(self.large >> 20):
                file.write(number.to_bytes(8, "big") + block[8:])
        child = self._child(storage.config(storage.origin), tmp_path, prefix)
        out, _ = child.communicate(timeout=600)
        assert child.returncode == 0
        report = json.loads(out)
        print({key: report[key] for key in ("bytes_copied", "seconds", "peak_before", "peak")})  # noqa: T201
        assert report["copied"] == ["model.bin"]
        assert report["peak"] - report["peak_before"] < 60 * MEGABYTE
        store = self.store_class(**storage.config(storage.origin))
        store.delete(f"{prefix}/model.bin")

    def _stable_list(self, store: ObjectStore, prefix: str) -> list[str]:
        """The objects, once two listings are equal: uploads of the killed process may still arrive."""
        before, now = None, sorted(store.list(prefix))
        while now != before:
            time.sleep(0.2)
            before, now = now, sorted(store.list(prefix))
        return now

    def _child(self, config: dict[str, Any], source: Path, prefix: str) -> subprocess.Popen[str]:
        adapter = f"{self.store_class.__module__}:{self.store_class.__name__}"
        order = {"adapter": adapter, "config": config, "source": str(source), "prefix": prefix}
        command = [sys.executable, "-m", "tests.conformance.mirror_child", json.dumps(order)]
        return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
