"""AKS: the conformance suite with the real adapter against the sandbox."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import ClassVar

import pytest

from intermodal.platform.targets import Site
from intermodal.resources.azure.object_store import BlobObjectStore
from intermodal.resources.azure.targets.aks.target import AksTarget
from tests.conformance.endpoint_target import EndpointTargetConformance, Upload
from tests.conformance.served_image import pushed
from tests.resources.azure.support import make_aks, upload
from tests.sandbox_fixture import Sandbox

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(600)]


class TestAks(EndpointTargetConformance):
    adapter: ClassVar[str] = "azure/aks"
    open_upstream: ClassVar[str] = "the NetworkPolicy lets in the gateway's networks only"

    @pytest.fixture(scope="class")
    def variables(self, sandbox: Sandbox) -> Iterator[Mapping[str, str]]:
        with pytest.MonkeyPatch.context() as patch:
            yield sandbox.use("azure", patch)

    @pytest.fixture(scope="class")
    def make_target(self, variables: Mapping[str, str]) -> Callable[[], AksTarget]:
        return lambda: make_aks(variables)

    @pytest.fixture(scope="class")
    def store(self, variables: Mapping[str, str]) -> BlobObjectStore:
        return BlobObjectStore(
            account=variables["INTERMODAL_AZURE_STORAGE_ACCOUNT"],
            container=variables["INTERMODAL_AZURE_CONTAINER"],
            endpoint=variables["INTERMODAL_AZURE_STORAGE_ENDPOINT"],
        )

    @pytest.fixture(scope="class")
    def image(self, variables: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> str:
        assert variables["INTERMODAL_AZURE_REGISTRY"]
        return pushed(Site("azure"), tmp_path_factory.mktemp("image"))

    @pytest.fixture(scope="class")
    def upload(self, variables: Mapping[str, str]) -> Upload:
        return partial(upload, variables)
