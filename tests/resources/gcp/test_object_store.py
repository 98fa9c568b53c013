"""GcsObjectStore against fake-gcs-server, with a service account whose tokens come from loopback."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from intermodal.platform.errors import Refused, Unavailable
from intermodal.platform.targets import Site
from intermodal.resources.gcp.object_store import GcsObjectStore
from intermodal.sandbox.gcp.identity import ACCOUNT, make_keys
from intermodal.sandbox.settings import free_port
from tests.conformance.object_store import ObjectStoreConformance, Storage
from tests.emulators import Emulator, fake_gcs
from tests.fault_proxy import Fault, fault_proxy

__all__ = ["fake_gcs"]


class TestGcs(ObjectStoreConformance):
    adapter: ClassVar[str] = "gcp"

    @pytest.fixture(scope="class")
    def storage(self, fake_gcs: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storage]:
        folder = tmp_path_factory.mktemp("account")
        make_keys(folder, fake_gcs.url)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(folder / ACCOUNT))
            yield Storage(fake_gcs.url, lambda origin: _config(fake_gcs, origin))


def _config(gcs: Emulator, origin: str) -> dict[str, Any]:
    return {"bucket": gcs.bucket, "endpoint": origin}


@pytest.mark.parametrize(("status", "expected"), [(400, Refused), (401, Refused)])
def test_token_server_error_is_refused(
    fake_gcs: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, expected: type
) -> None:
    with fault_proxy(fake_gcs.url) as proxy:
        make_keys(tmp_path, proxy.url)
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / ACCOUNT))
        proxy.faults = [Fault(status, body='{"error": "invalid_grant", "error_description": "Not a valid email."}')]
        with pytest.raises(expected):
            GcsObjectStore(bucket=fake_gcs.bucket, endpoint=fake_gcs.url, retry_seconds=0.3).list("x")


def test_token_server_without_answer_is_unavailable(
    fake_gcs: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_keys(tmp_path, f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / ACCOUNT))
    with pytest.raises(Unavailable, match="There are no credentials"):
        GcsObjectStore(bucket=fake_gcs.bucket, endpoint=fake_gcs.url, retry_seconds=0.3).list("x")


def test_uri() -> None:
    store = GcsObjectStore(bucket="b")
    assert store.site == Site("gcp")
    assert store.uri("flight_delay/1.0.0/") == "gs://b/flight_delay/1.0.0"
