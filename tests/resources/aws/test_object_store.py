"""S3ObjectStore against moto."""

from typing import Any

import pytest

from intermodal.platform.errors import Refused
from intermodal.resources.aws.object_store import S3ObjectStore
from tests.conformance.object_store import ObjectStoreConformance, Place
from tests.emulators import Emulator, moto

__all__ = ["moto"]


class TestS3(ObjectStoreConformance):
    adapter = S3ObjectStore

    @pytest.fixture(scope="class")
    def place(self, moto: Emulator) -> Place:
        def config(origin: str) -> dict[str, Any]:
            return {"bucket": moto.bucket, "region": "us-east-1", "endpoint": origin}

        return Place(moto.url, config)

    def test_the_address_may_come_from_the_environment(self, moto: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", moto.url)
        S3ObjectStore(bucket=moto.bucket, region="us-east-1").put("from-environment", b"1")


def test_uri() -> None:
    store = S3ObjectStore(bucket="b", region="eu-west-1")
    assert store.cloud == "aws"
    assert store.uri("flight_delay/1.0.0") == "s3://b/flight_delay/1.0.0"


def test_no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    nowhere = str(tmp_path_factory.mktemp("empty") / "none")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", nowhere)
    monkeypatch.setenv("AWS_CONFIG_FILE", nowhere)
    with pytest.raises(Refused, match="no AWS credentials.*aws configure"):
        S3ObjectStore(bucket="b", region="us-east-1", endpoint="http://127.0.0.1:9").list("x")
