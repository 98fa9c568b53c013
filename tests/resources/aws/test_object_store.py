"""S3ObjectStore against moto."""

import ssl
from pathlib import Path
from typing import Any, ClassVar

import pytest

from intermodal.platform.errors import IntermodalError, Refused, Unavailable
from intermodal.platform.targets import Site
from intermodal.resources.aws.object_store import S3ObjectStore
from intermodal.sandbox.azure import certificates
from tests.conformance.object_store import ObjectStoreConformance, Storage
from tests.emulators import Emulator, moto
from tests.fault_proxy import fault_proxy

__all__ = ["moto"]


class TestS3(ObjectStoreConformance):
    adapter: ClassVar[str] = "aws"

    @pytest.fixture(scope="class")
    def storage(self, moto: Emulator) -> Storage:
        def config(origin: str) -> dict[str, Any]:
            return {"bucket": moto.bucket, "region": "us-east-1", "endpoint": origin}

        return Storage(moto.url, config)

    def test_connect_address_is_read_from_the_environment(
        self, moto: Emulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", moto.url)
        S3ObjectStore(bucket=moto.bucket, region="us-east-1").put("from-environment", b"1")


@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_connect_https_with_own_certificate_authority(
    moto: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    certificates.make(tmp_path)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(tmp_path / certificates.CERTIFICATE, tmp_path / certificates.KEY)
    for name in ("AWS_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    with fault_proxy(moto.url, tls) as proxy:
        config = {"bucket": moto.bucket, "region": "us-east-1", "endpoint": proxy.url, "retry_seconds": 0.3}
        with pytest.raises(Unavailable):
            S3ObjectStore(**config).list("x")
        monkeypatch.setenv(variable, str(tmp_path / certificates.BUNDLE))
        S3ObjectStore(**config).put("over-tls", b"1")
        monkeypatch.setenv(variable, str(tmp_path / "none.pem"))
        with pytest.raises(IntermodalError, match=f"none.pem cannot be read.*{variable}"):
            S3ObjectStore(**config).list("x")


def test_uri() -> None:
    store = S3ObjectStore(bucket="b", region="eu-west-1")
    assert store.site == Site("aws")
    assert store.uri("flight_delay/1.0.0") == "s3://b/flight_delay/1.0.0"


def test_connect_without_credentials_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    nowhere = str(tmp_path_factory.mktemp("empty") / "none")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", nowhere)
    monkeypatch.setenv("AWS_CONFIG_FILE", nowhere)
    with pytest.raises(Refused, match=r"no AWS credentials.*aws configure"):
        S3ObjectStore(bucket="b", region="us-east-1", endpoint="http://127.0.0.1:9").list("x")
