from collections.abc import Iterator, Mapping

import pytest
from azure.mgmt.machinelearningservices import MachineLearningServicesMgmtClient

from intermodal.resources.azure.identity import credential
from tests.sandbox_fixture import Sandbox, sandbox  # noqa: F401


@pytest.fixture(scope="package")
def variables(sandbox: Sandbox) -> Iterator[Mapping[str, str]]:  # noqa: F811
    with pytest.MonkeyPatch.context() as patch:
        yield sandbox.use("azure", patch)


@pytest.fixture(scope="package")
def client(variables: Mapping[str, str]) -> MachineLearningServicesMgmtClient:
    """The official management client, without its retries."""
    address = variables["INTERMODAL_AZURE_MANAGEMENT_ENDPOINT"]
    return MachineLearningServicesMgmtClient(
        credential(),
        variables["INTERMODAL_AZURE_SUBSCRIPTION"],
        base_url=address,
        credential_scopes=[f"{address}/.default"],
        polling_interval=0,
        retry_total=0,
    )
