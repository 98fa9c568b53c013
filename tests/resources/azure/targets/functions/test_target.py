"""Function apps: the conformance suite with the real adapter against the sandbox, and what is particular to it."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import ClassVar

import pytest

from intermodal.resources.azure.object_store import BlobObjectStore
from intermodal.resources.azure.targets.functions.target import FunctionsTarget
from tests.conformance.endpoint_target import EndpointTargetConformance, Upload
from tests.resources.azure.support import make_functions, upload
from tests.sandbox_fixture import Sandbox

pytestmark = pytest.mark.sandbox


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
