"""EKS: the conformance suite with the real adapter against the sandbox."""

from collections.abc import Callable, Mapping
from typing import ClassVar

import pytest

from intermodal.platform.targets import Site
from intermodal.resources.aws.object_store import S3ObjectStore
from intermodal.resources.aws.targets.eks.target import EksTarget
from tests.conformance.endpoint_target import EndpointTargetConformance, Upload
from tests.conformance.served_image import pushed
from tests.resources.aws.support import make_eks, uploader

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(600)]


class TestEks(EndpointTargetConformance):
    adapter: ClassVar[str] = "aws/eks"
    open_upstream: ClassVar[str] = "the NetworkPolicy lets in the gateway's networks only"

    @pytest.fixture(scope="class")
    def make_target(self, variables: Mapping[str, str]) -> Callable[[], EksTarget]:
        return lambda: make_eks(variables)

    @pytest.fixture(scope="class")
    def upload(self, variables: Mapping[str, str]) -> Upload:
        return uploader(variables)

    @pytest.fixture(scope="class")
    def store(self, variables: Mapping[str, str]) -> S3ObjectStore:
        return S3ObjectStore(bucket=variables["INTERMODAL_AWS_BUCKET"], region=variables["AWS_REGION"])

    @pytest.fixture(scope="class")
    def image(self, variables: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> str:
        assert variables["INTERMODAL_AWS_REGISTRY"]
        return pushed(Site("aws"), tmp_path_factory.mktemp("image"))
