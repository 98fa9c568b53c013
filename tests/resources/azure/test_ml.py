"""Azure ML: the conformance suite with the real adapter against the sandbox, and what is particular to it."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import pytest
from obstore.store import AzureStore

from intermodal.platform.clouds import Cloud
from intermodal.resources.azure.endpoints.ml import AzureMlTarget
from tests.conformance.endpoint_target import EndpointTargetConformance, Upload
from tests.sandbox_fixture import Sandbox

pytestmark = pytest.mark.sandbox


def make(variables: Mapping[str, str]) -> AzureMlTarget:
    return AzureMlTarget(
        subscription_id=variables["INTERMODAL_AZURE_SUBSCRIPTION"],
        resource_group=variables["INTERMODAL_AZURE_RESOURCE_GROUP"],
        workspace=variables["INTERMODAL_AZURE_WORKSPACE"],
        region=variables["INTERMODAL_AZURE_REGION"],
        management_endpoint=variables["INTERMODAL_AZURE_MANAGEMENT_ENDPOINT"],
        timeout_seconds=60,
    )


class TestAzureMl(EndpointTargetConformance):
    cloud: ClassVar[Cloud] = "azure"

    @pytest.fixture(scope="class")
    def variables(self, sandbox: Sandbox) -> Iterator[Mapping[str, str]]:
        with pytest.MonkeyPatch.context() as patch:
            yield sandbox.use("azure", patch)

    @pytest.fixture(scope="class")
    def make_target(self, variables: Mapping[str, str]) -> Callable[[], AzureMlTarget]:
        return lambda: make(variables)

    @pytest.fixture(scope="class")
    def image(self, variables: Mapping[str, str]) -> str:
        return variables["INTERMODAL_AZURE_IMAGE"]

    @pytest.fixture(scope="class")
    def upload(self, variables: Mapping[str, str]) -> Upload:
        container, address = variables["INTERMODAL_AZURE_CONTAINER"], variables["INTERMODAL_AZURE_STORAGE_ENDPOINT"]
        store = AzureStore(
            container,
            config={
                "account_name": variables["INTERMODAL_AZURE_STORAGE_ACCOUNT"],
                "account_key": variables["AZURE_STORAGE_ACCOUNT_KEY"],
                "endpoint": address,
            },
            client_options={"allow_http": True},
        )

        def send_all(folder: Path, prefix: str) -> str:
            for path in folder.iterdir():
                store.put(f"{prefix}/{path.name}", path.read_bytes())
            return f"{address}/{container}/{prefix}"

        return send_all
