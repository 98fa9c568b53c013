"""The stores of the prediction log, with the credentials that a container has."""

import importlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from obstore.store import AzureStore, S3Store

from intermodal.sandbox.gcp import identity
from intermodal.serving.errors import StartError
from intermodal.serving.prediction_log.azure_identity import azure_ml_token
from intermodal.serving.prediction_log.store import open_log_store
from tests.emulators import AZURE_ACCOUNT, AZURE_KEY, BUCKET, Emulator, azurite, fake_gcs, moto  # noqa: F401

KEY, DATA = "predictions/m/2026-11-23T21/w-000001.jsonl.gz", b"\x1f\x8b lines"


def open_in_container(uri: str, patch: pytest.MonkeyPatch, **variables: str) -> Callable[[str, bytes], None]:
    """Open a store as in a container: with these variables, and without those of the tests."""
    for name in ("AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_TENANT_ID"):
        patch.delenv(name, raising=False)
    for name, value in variables.items():
        patch.setenv(name, value)
    return open_log_store(uri, variables)


def test_store_s3_address_with_prefix_stores_below_it(moto: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    put = open_in_container(f"s3://{moto.bucket}/team/", monkeypatch, AWS_ENDPOINT_URL=moto.url, AWS_REGION="us-east-1")
    put(KEY, DATA)
    put(KEY, DATA)  # as after a lost response
    config: Any = {"region": "us-east-1", "endpoint": moto.url}
    store = S3Store(moto.bucket, config=config, client_options={"allow_http": True})
    assert bytes(store.get(f"team/{KEY}").bytes()) == DATA


def test_store_gs_address_stores_object(fake_gcs: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    identity.make_keys(tmp_path, fake_gcs.url)
    account = str(tmp_path / identity.ACCOUNT)
    variables = {"GOOGLE_APPLICATION_CREDENTIALS": account, "GOOGLE_BASE_URL": fake_gcs.url}
    open_in_container(f"gs://{fake_gcs.bucket}", monkeypatch, **variables)(KEY, DATA)
    assert httpx.get(f"{fake_gcs.url}/{fake_gcs.bucket}/{KEY}").content == DATA


def test_store_blob_address_stores_object(azurite: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    put = open_in_container(f"{azurite.url}/{azurite.bucket}/", monkeypatch, AZURE_STORAGE_ACCOUNT_KEY=AZURE_KEY)
    put(KEY, DATA)
    store = AzureStore(
        BUCKET,
        config={"account_name": AZURE_ACCOUNT, "account_key": AZURE_KEY, "endpoint": azurite.url},
        client_options={"allow_http": True},
    )
    assert bytes(store.get(KEY).bytes()) == DATA


def test_store_file_address_writes_file(tmp_path: Path) -> None:
    open_log_store((tmp_path / "a b").as_uri(), {})(KEY, DATA)
    assert (tmp_path / "a b" / KEY).read_bytes() == DATA


@pytest.fixture
def azure() -> Iterator[tuple[str, list[Any]]]:
    """An identity endpoint and a store at one address, with the requests that they received."""
    seen: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append((self.path, self.headers["secret"]))
            body = json.dumps({"access_token": "fresh-token", "expires_on": "4102444800"}).encode()
            self.send_response(200 if self.headers["secret"] == "s3cret" else 401)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_PUT(self) -> None:
            seen.append(
                (self.path, self.headers["authorization"], self.rfile.read(int(self.headers["content-length"])))
            )
            self.send_response(201)
            for name, value in (("content-length", "0"), ("etag", '"1"'), ("last-modified", self.date_time_string())):
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", seen
    server.shutdown()
    thread.join()
    server.server_close()


def test_azure_ml_token_request_equals_azure_identitys(
    azure: tuple[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request equals that of the library azure-identity for the same variables."""
    url, seen = azure
    put = open_in_container(f"{url}/account/container", monkeypatch, MSI_ENDPOINT=f"{url}/msi", MSI_SECRET="s3cret")
    put(KEY, DATA)
    put(KEY, DATA)
    (token_path, secret), *puts = seen
    assert secret == "s3cret"
    official = importlib.import_module("azure.identity._credentials.azure_ml")._get_request(
        f"{url}/msi", "https://storage.azure.com/", {}
    )
    assert parse_qs(urlsplit(token_path).query) == parse_qs(urlsplit(official.url).query)
    assert puts == [(f"/account/container/{KEY}", "Bearer fresh-token", DATA)] * 2  # one token for both


def test_azure_ml_token_rejected_hides_secret(azure: tuple[str, list[Any]]) -> None:
    url, seen = azure
    assert azure_ml_token({"MSI_ENDPOINT": url}) is None
    token = azure_ml_token({"MSI_ENDPOINT": f"{url}/msi", "MSI_SECRET": "wrong-one", "UAI_CLIENT_ID": "me"})
    assert token is not None
    with pytest.raises(OSError, match="401") as caught:
        token()
    assert "wrong-one" not in str(caught.value)
    assert "clientid=me" in seen[0][0]


@pytest.mark.parametrize(
    "uri",
    [
        "bucket",
        "s3://",
        "gs:///x",
        "ftp://host/x",
        "https://account.blob.core.windows.net",
        "http://127.0.0.1:1/account",
        "https://account.blob.core.windows.net/c?sig=s3cret",
        "s3://key:s3cret@bucket",
        "file:///",
    ],
)
def test_store_invalid_address_raises_start_error(uri: str) -> None:
    with pytest.raises(StartError, match=r"INTERMODAL_PREDICTIONS is .*cannot be used") as caught:
        open_log_store(uri, {})
    assert "s3://<bucket>" in caught.value.hint
    assert "s3cret" not in str(caught.value)
