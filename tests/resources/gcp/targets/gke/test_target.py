"""GKE: the conformance suite with the real adapter against the sandbox."""

from collections.abc import Callable, Iterator, Mapping
from typing import ClassVar

import pytest

from intermodal.platform.targets import Site
from intermodal.resources.gcp.object_store import GcsObjectStore
from intermodal.resources.gcp.targets.gke.target import GkeTarget
from tests.conformance.endpoint_target import EndpointTargetConformance, Upload
from tests.conformance.served_image import pushed
from tests.resources.gcp.support import make_gke, uploader
from tests.sandbox_fixture import Sandbox

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(600)]


class TestGke(EndpointTargetConformance):
    adapter: ClassVar[str] = "gcp/gke"
    open_upstream: ClassVar[str] = "the NetworkPolicy lets in the gateway's networks only"

    @pytest.fixture(scope="class")
    def variables(self, sandbox: Sandbox) -> Iterator[Mapping[str, str]]:
        with pytest.MonkeyPatch.context() as patch:
            yield sandbox.use("gcp", patch)

    @pytest.fixture(scope="class")
    def make_target(self, variables: Mapping[str, str]) -> Callable[[], GkeTarget]:
        return lambda: make_gke(variables)

    @pytest.fixture(scope="class")
    def upload(self, variables: Mapping[str, str]) -> Upload:
        return uploader(variables)

    @pytest.fixture(scope="class")
    def store(self, variables: Mapping[str, str]) -> GcsObjectStore:
        return GcsObjectStore(
            bucket=variables["INTERMODAL_GCP_BUCKET"], endpoint=variables["INTERMODAL_GCP_STORAGE_ENDPOINT"]
        )

    @pytest.fixture(scope="class")
    def image(self, variables: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> str:
        assert variables["INTERMODAL_GCP_REGISTRY"]
        return pushed(Site("gcp"), tmp_path_factory.mktemp("image"))
