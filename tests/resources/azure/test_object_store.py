"""BlobObjectStore against azurite, with an account key."""

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from intermodal.platform.errors import IntermodalError, Refused
from intermodal.platform.targets import Site
from intermodal.resources.azure.object_store import BlobObjectStore
from tests.conformance.object_store import ObjectStoreConformance, Storage
from tests.emulators import AZURE_ACCOUNT, AZURE_KEY, Emulator, azurite

__all__ = ["azurite"]


class TestBlob(ObjectStoreConformance):
    adapter: ClassVar[str] = "azure"

    @pytest.fixture(scope="class")
    def storage(self, azurite: Emulator) -> Iterator[Storage]:
        def config(origin: str) -> dict[str, Any]:
            return {"account": AZURE_ACCOUNT, "container": azurite.bucket, "endpoint": f"{origin}/{AZURE_ACCOUNT}"}

        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AZURE_STORAGE_ACCOUNT_KEY", AZURE_KEY)
            yield Storage(azurite.url.removesuffix(f"/{AZURE_ACCOUNT}"), config, "container")

    def test_list_wrong_key_is_refused(self, azurite: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "A" + AZURE_KEY[1:])
        store = BlobObjectStore(account=AZURE_ACCOUNT, container=azurite.bucket, endpoint=azurite.url)
        with pytest.raises(Refused) as caught:
            store.list("x")
        assert AZURE_KEY[1:20] not in str(caught.value)

    def test_list_invalid_key_is_an_error(self, azurite: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "%")
        with pytest.raises(IntermodalError, match=r"cannot be used.*Correct its settings or credentials"):
            BlobObjectStore(account=AZURE_ACCOUNT, container=azurite.bucket, endpoint=azurite.url).list("x")


def test_uri() -> None:
    store = BlobObjectStore(account="acct", container="c")
    assert store.site == Site("azure")
    assert store.uri("flight_delay/1.0.0") == "https://acct.blob.core.windows.net/c/flight_delay/1.0.0"
    local = BlobObjectStore(account="acct", container="c", endpoint="http://127.0.0.1:1/acct/")
    assert local.uri("p") == "http://127.0.0.1:1/acct/c/p"
