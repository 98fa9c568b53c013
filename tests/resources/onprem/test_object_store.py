"""OnpremObjectStore against moto, which speaks S3."""

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from intermodal.platform import catalogue
from intermodal.platform.errors import Refused
from intermodal.platform.targets import Site
from intermodal.resources.onprem.object_store import KEY, SECRET, OnpremObjectStore
from tests.conformance.object_store import ObjectStoreConformance, Storage
from tests.emulators import Emulator, moto
from tests.fault_proxy import fault_proxy
from tests.resources.onprem.site import SETTINGS

__all__ = ["moto"]


@pytest.fixture(autouse=True, scope="module")
def keys() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(KEY, "AKIAONPREM")
        patch.setenv(SECRET, "the-secret")
        yield


class TestOnpremStore(ObjectStoreConformance):
    adapter: ClassVar[str] = "onprem"

    @pytest.fixture(scope="class")
    def storage(self, moto: Emulator) -> Storage:
        def config(origin: str) -> dict[str, Any]:
            return {"bucket": moto.bucket, "endpoint": origin}

        return Storage(moto.url, config)

    def test_request_has_nothing_of_the_variables_of_aws(self, moto: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
        others = {
            "AWS_ACCESS_KEY_ID": "AKIAOTHER",
            "AWS_SESSION_TOKEN": "a-token",
            "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
            "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9",
            "AWS_REGION": "eu-west-9",
            "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "true",
            "AWS_SKIP_SIGNATURE": "true",
        }
        for name, value in others.items():
            monkeypatch.setenv(name, value)
        with fault_proxy(moto.url) as proxy:
            store = OnpremObjectStore(bucket=moto.bucket, endpoint=proxy.url, retry_seconds=1)
            store.put("a", b"1")
            assert store.get("a") == b"1"
            assert {seen.path.partition("?")[0] for seen in proxy.seen} == {f"/{moto.bucket}/a"}


def test_keys_are_displayed_nowhere() -> None:
    store = OnpremObjectStore(bucket="b", endpoint="http://127.0.0.1:9", retry_seconds=0.1)
    with pytest.raises(Exception, match=r"127\.0\.0\.1:9") as caught:
        store.list("x")
    assert not any("the-secret" in text for text in (repr(store), repr(store._store), repr(caught.value)))


@pytest.mark.parametrize(
    ("region", "variable", "words"),
    [
        ("", KEY, f"{KEY} is not set"),
        ("", SECRET, f"{SECRET} is not set"),
        ("berlin", "", f"no keys of the bucket 'b'.*Set {KEY}_BERLIN and {SECRET}_BERLIN"),
    ],
)
def test_connect_without_keys_names_them(
    monkeypatch: pytest.MonkeyPatch, region: str, variable: str, words: str
) -> None:
    if variable:
        monkeypatch.delenv(variable)
    with pytest.raises(Refused, match=words):
        OnpremObjectStore(bucket="b", endpoint="http://127.0.0.1:9", named_region=region).list("x")


def test_cloud_is_enabled_when_its_settings_are_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    for environment in ("sandbox", "staging"):
        monkeypatch.setenv("INTERMODAL_ENV", environment)
        assert "onprem" not in catalogue.enabled_clouds()
    for name, value in SETTINGS.items():
        assert name in OnpremObjectStore.missing(Site("onprem"))
        monkeypatch.setenv(name, value)
    assert "onprem" in catalogue.enabled_clouds()
    store = OnpremObjectStore.of(Site("onprem"))
    assert (store.uri("a/1.0.0"), store.endpoint) == ("s3://models/a/1.0.0", "http://127.0.0.1:9000")
