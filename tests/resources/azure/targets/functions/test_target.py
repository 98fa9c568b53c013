"""Function apps: the conformance suite with the real adapter against the sandbox, and what is particular to it."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from types import SimpleNamespace
from typing import ClassVar

import pytest

from intermodal.platform.errors import Unavailable
from intermodal.platform.ports.endpoints import Endpoint
from intermodal.resources.azure.object_store import BlobObjectStore
from intermodal.resources.azure.targets.functions.target import FunctionsTarget
from tests.conformance.endpoint_target import EndpointTargetConformance, Upload
from tests.resources.azure.support import make_functions, upload
from tests.sandbox_fixture import Sandbox

pytestmark = pytest.mark.sandbox


def test_upstream_without_a_key_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gateway would call it with an empty key, and each request would be refused."""
    sites = SimpleNamespace(named=lambda name: f"{name}-1", key=lambda _: "")
    monkeypatch.setattr(FunctionsTarget, "_sites", sites)
    target = FunctionsTarget(subscription_id="s", resource_group="g", region="eastus", storage_account="a")
    with pytest.raises(Unavailable, match="has no key yet"):
        target.upstream(Endpoint(target.target, "wine", "wine", "1.0.0", "https://wine-1.example", "ready"))


class TestFunctions(EndpointTargetConformance):
    adapter: ClassVar[str] = "azure/functions"

    @pytest.fixture(scope="class")
    def variables(self, sandbox: Sandbox) -> Iterator[Mapping[str, str]]:
        with pytest.MonkeyPatch.context() as patch:
            yield sandbox.use("azure", patch)

    @pytest.fixture(scope="class")
    def make_target(self, variables: Mapping[str, str]) -> Callable[[], FunctionsTarget]:
        return lambda: make_functions(variables)

    @pytest.fixture(scope="class")
    def store(self, variables: Mapping[str, str]) -> BlobObjectStore:
        return BlobObjectStore(
            account=variables["INTERMODAL_AZURE_STORAGE_ACCOUNT"],
            container=variables["INTERMODAL_AZURE_CONTAINER"],
            endpoint=variables["INTERMODAL_AZURE_STORAGE_ENDPOINT"],
        )

    @pytest.fixture(scope="class")
    def image(self, variables: Mapping[str, str]) -> str:
        return variables["INTERMODAL_AZURE_IMAGE"]

    @pytest.fixture(scope="class")
    def upload(self, variables: Mapping[str, str]) -> Upload:
        return partial(upload, variables)
