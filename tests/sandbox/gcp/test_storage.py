"""Cloud Storage in the sandbox as obstore and Google's JSON API see it; what is stored survives an outage."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import obstore
import pytest

from intermodal.platform.errors import NotFound, Refused, Throttled, Unavailable
from intermodal.platform.protocol.manifest import Manifest
from intermodal.resources.gcp.object_store import GcsObjectStore
from intermodal.sandbox.faults import Faults
from tests.sandbox_fixture import Sandbox

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module")
def variables(sandbox: Sandbox) -> Iterator[dict[str, str]]:
    with pytest.MonkeyPatch.context() as patch:
        yield dict(sandbox.use("gcp", patch))


@pytest.fixture(scope="module")
def store(variables: dict[str, str]) -> GcsObjectStore:
    return GcsObjectStore(
        bucket=variables["INTERMODAL_GCP_BUCKET"],
        endpoint=variables["INTERMODAL_GCP_STORAGE_ENDPOINT"],
        retry_seconds=1,
    )


@pytest.fixture(scope="module")
def raw(store: GcsObjectStore) -> Any:
    return store.connect()


def test_objects_with_awkward_names(store: GcsObjectStore) -> None:
    names = ["awkward/plain.txt", "awkward/a b/ü+&=%41.txt", "awkward/[1]/x#y?z.bin"]
    for name in names:
        store.put(name, name.encode())
    assert store.list("awkward") == {name: len(name.encode()) for name in names}
    assert [store.get(name) for name in names] == [name.encode() for name in names]
    for name in names:
        store.delete(name)
        store.delete(name)
    assert store.list("awkward") == {}
    with pytest.raises(NotFound):
        store.get(names[0])


def test_multipart_upload_arrives_complete(raw: Any) -> None:
    data = bytes(range(256)) * (12 << 12)
    obstore.put(raw, "big/object.bin", data, chunk_size=5 << 20)
    assert bytes(obstore.get(raw, "big/object.bin").bytes()) == data
    assert bytes(obstore.get_range(raw, "big/object.bin", start=255, length=2)) == b"\xff\x00"


def test_attributes_generations_and_copies(raw: Any) -> None:
    obstore.put(raw, "one", b"1", attributes={"Content-Type": "text/plain", "sha256": "abc"}, use_multipart=False)
    assert dict(obstore.get(raw, "one").attributes) == {"Content-Type": "text/plain", "sha256": "abc"}
    obstore.copy(raw, "one", "two")
    assert bytes(obstore.get(raw, "two").bytes()) == b"1"


def test_write_with_a_failed_condition_is_refused(raw: Any) -> None:
    obstore.put(raw, "once", b"first", mode="create", use_multipart=False)
    with pytest.raises(obstore.exceptions.AlreadyExistsError):
        obstore.put(raw, "once", b"second", mode="create", use_multipart=False)
    assert bytes(obstore.get(raw, "once").bytes()) == b"first"


def test_mirror_survives_an_outage(store: GcsObjectStore, raw: Any, tmp_path: Path, sandbox: Sandbox) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.bin").write_bytes(b"a" * 1000)
    (tmp_path / "b.txt").write_bytes(b"b")
    manifest = Manifest.of(tmp_path)
    assert len(store.mirror(tmp_path, manifest, "survivor").copied) == 2
    before = obstore.head(raw, "survivor/b.txt")
    sandbox.outage("gcp")
    with pytest.raises(Unavailable):
        store.get("survivor/b.txt")
    sandbox.start("gcp")
    assert obstore.head(raw, "survivor/b.txt") == before
    assert store.damaged(manifest, "survivor") == {}
    assert store.mirror(tmp_path, manifest, "survivor").copied == ()


@pytest.mark.parametrize(
    ("faults", "error"),
    [
        (Faults(refuse=True, scope="storage"), Refused),
        (Faults(throttle_rate=1, scope="storage"), Throttled),
        (Faults(error_rate=1, scope="storage"), Unavailable),
    ],
    ids=["refused", "throttled", "unavailable"],
)
def test_faults(store: GcsObjectStore, sandbox: Sandbox, faults: Faults, error: type[Exception]) -> None:
    store.put("kept", b"1")
    with sandbox.faults("gcp", faults), pytest.raises(error):
        store.get("kept")
    assert store.get("kept") == b"1"


def test_missing_bucket_is_named(store: GcsObjectStore) -> None:
    with pytest.raises(NotFound, match="no-such-bucket"):
        GcsObjectStore(bucket="no-such-bucket", endpoint=store.endpoint, retry_seconds=1).put("a", b"1")


def test_request_without_a_token_is_refused(variables: dict[str, str]) -> None:
    base = variables["INTERMODAL_GCP_STORAGE_ENDPOINT"]
    assert httpx.get(f"{base}/storage/v1/b/intermodal-models").json()["error"]["status"] == "UNAUTHENTICATED"
    answer = httpx.get(f"{base}/intermodal-models/kept", headers={"Authorization": "Bearer made.up.token"})
    assert (answer.status_code, "AuthenticationRequired" in answer.text) == (401, True)


def test_operation_that_is_not_emulated_is_named(raw: Any) -> None:
    with pytest.raises(obstore.exceptions.GenericError, match="start-after"):
        next(iter(obstore.list(raw, offset="a")))
