"""Microsoft.Web of the sandbox: what it refuses, what it does not emulate, and what the stand-in of the host does."""

import ssl
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest

from intermodal.resources.azure.identity import credential
from intermodal.sandbox.azure.functions.apps import BASE, PLAN_ID
from intermodal.sandbox.azure.functions.contract import problems
from tests.sandbox_fixture import Sandbox, sandbox  # noqa: F401

VERSION = {"api-version": "2025-05-01"}
KIND = "functionapp,linux,container"
CONFIG = {"linuxFxVersion": "DOCKER|intermodal.azurecr.io/x@sha256:0", "acrUseManagedIdentityCreds": True}


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({"location": "x"}, []),
        ({}, ["body.location is required"]),
        ({"location": "x", "nope": 1}, ["body.nope is not a field of Site"]),
        ({"location": 1}, ["body.location must be str"]),
        ({"location": "x", "tags": {"a": 1}}, ["body.tags.a must be str"]),
        (
            {"location": "x", "properties": {"siteConfig": {"alwaysOn": "yes"}}},
            ["body.properties.siteConfig.alwaysOn must be bool"],
        ),
        ({"location": "x", "properties": {"state": 3}}, []),  # only Azure writes it
    ],
)
def test_problems_of_a_site_name_each_field(body: dict[str, Any], wrong: list[str]) -> None:
    assert problems("Site", body) == wrong


@pytest.fixture(scope="module")
def client(sandbox: Sandbox) -> Iterator[httpx.Client]:  # noqa: F811
    with pytest.MonkeyPatch.context() as patch:
        variables: Mapping[str, str] = sandbox.use("azure", patch)
        base = variables["INTERMODAL_AZURE_MANAGEMENT_ENDPOINT"]
        token = credential().get_token(f"{base}/.default").token
        verify = ssl.create_default_context(cafile=variables["SSL_CERT_FILE"])
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=base, headers=headers, verify=verify, params=VERSION, trust_env=False) as plain:
            yield plain


def site(**changes: Any) -> dict[str, Any]:
    properties = {"serverFarmId": PLAN_ID, "siteConfig": CONFIG, **changes.pop("properties", {})}
    return {"location": "eastus", "kind": KIND, "properties": properties, **changes}


@pytest.mark.sandbox
@pytest.mark.parametrize(
    ("body", "status"),
    [
        (site(location="mars"), 409),
        (site(kind="app"), 501),
        (site(properties={"serverFarmId": "/another"}), 404),
        (site(properties={"siteConfig": {**CONFIG, "linuxFxVersion": "PYTHON|3.11"}}), 400),
        (site(properties={"siteConfig": {**CONFIG, "acrUseManagedIdentityCreds": False}}), 501),
    ],
)
def test_put_site_that_azure_refuses_makes_none(client: httpx.Client, body: dict[str, Any], status: int) -> None:
    assert client.put(f"{BASE}/sites/refused", json=body).status_code == status
    assert client.get(f"{BASE}/sites/refused").status_code == 404


@pytest.mark.sandbox
@pytest.mark.parametrize("path", ["/sites/x/config/backup", "/certificates", "/sites/x/functions"])
def test_what_is_not_emulated_answers_501(client: httpx.Client, path: str) -> None:
    assert client.get(f"{BASE}{path}").status_code == 501


@pytest.mark.sandbox
def test_another_api_version_answers_501(client: httpx.Client) -> None:
    assert client.get(f"{BASE}/sites", params={"api-version": "2016-08-01"}).status_code == 501


@pytest.mark.sandbox
def test_unknown_host_answers_404(client: httpx.Client) -> None:
    assert client.post("/function-apps/unknown.azurewebsites.net/invocations").status_code == 404
