"""Secrets and certificates: made once, for their owner only. Logging in with them."""

import ssl
import stat
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import ClientSecretCredential
from azure.mgmt.machinelearningservices import MachineLearningServicesMgmtClient

from intermodal.sandbox.azure import identity
from intermodal.sandbox.azure.identity import GROUP, SUBSCRIPTION, TENANT, WORKSPACE
from intermodal.sandbox.settings import Ports, Settings


def test_variables_stay_and_files_are_private(home: Path) -> None:
    settings = Settings(home, Ports())
    first = identity.variables(settings)
    assert identity.variables(settings) == first
    written = [path for path in identity.folder(settings).iterdir() if path.suffix != ".lock"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in written} == {0o600}
    assert stat.S_IMODE(identity.folder(settings).stat().st_mode) == 0o700
    ssl.create_default_context(cafile=first["SSL_CERT_FILE"])
    assert first["AZURE_CLIENT_SECRET"] not in repr(identity.identity(settings))


@pytest.mark.sandbox
def test_login_with_the_right_secret_only_succeeds(variables: Mapping[str, str]) -> None:
    host, scope = variables["AZURE_AUTHORITY_HOST"], "https://anything/.default"
    for secret, right in ((variables["AZURE_CLIENT_SECRET"], True), ("guessed", False)):
        credential = ClientSecretCredential(
            TENANT, variables["AZURE_CLIENT_ID"], secret, authority=host, disable_instance_discovery=True
        )
        if right:
            assert credential.get_token(scope).token
        else:
            with pytest.raises(ClientAuthenticationError, match="AADSTS7000215"):
                credential.get_token(scope)


@pytest.mark.sandbox
def test_management_wants_a_token_that_was_given_here(
    variables: Mapping[str, str], client: MachineLearningServicesMgmtClient
) -> None:
    assert list(client.online_endpoints.list(GROUP, WORKSPACE)) is not None
    address = variables["INTERMODAL_AZURE_MANAGEMENT_ENDPOINT"]
    path = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/x?api-version=1"
    context = ssl.create_default_context(cafile=variables["SSL_CERT_FILE"])
    with httpx.Client(base_url=address, verify=context, trust_env=False) as http:
        for header in ("", "Bearer", "Bearer e30=.00", "Bearer ünsigned", "Basic x"):
            answer = http.get(path, headers={"Authorization": header.encode()})
            assert answer.status_code == 401
            assert answer.json()["error"]["code"] == "InvalidAuthenticationToken"
