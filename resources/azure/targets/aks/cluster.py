"""A cluster of AKS: where its API server is, and the Entra tokens that it takes.

Resource Manager is called directly: none of the clients that Intermodal has knows Microsoft.ContainerService, and one
call is needed.
"""

from __future__ import annotations

import base64
from typing import Any

import yaml

from intermodal.platform.errors import MissingExtra, NotFound, Refused, SpecError
from intermodal.platform.ports.endpoints import BearerToken
from intermodal.resources.azure.errors import translated
from intermodal.resources.azure.identity import CALL_LIMITS, credential
from intermodal.resources.kubernetes.managed import Cluster

API_VERSION = "2025-05-01"
SERVER_SCOPE = "6dae42f8-4368-4678-94ff-3960e28e3630/.default"
"""The application by which every AKS cluster knows its callers.
https://azure.github.io/kubelogin/concepts/aks.html#azure-kubernetes-service-aad-server"""


def find(subscription_id: str, resource_group: str, name: str, management_endpoint: str) -> Cluster:
    """Out of the kubeconfig that AKS gives. Its way to log in is a program, kubelogin, so only server and certificate
    authority are taken. SpecError when there is none: NotFound would read as an endpoint that does not exist."""
    path = (
        f"/subscriptions/{subscription_id}/resourceGroups/{resource_group}"
        f"/providers/Microsoft.ContainerService/managedClusters/{name}/listClusterUserCredential"
    )
    try:
        with translated(f"read the address of AKS cluster '{name}'"):
            found = _post(management_endpoint, path)
    except NotFound as error:
        raise SpecError(
            f"There is no AKS cluster '{name}' in the resource group '{resource_group}'.",
            hint="Check INTERMODAL_AZURE_AKS_CLUSTER and the resource group.",
        ) from error
    kubeconfig = yaml.safe_load(base64.b64decode(found["kubeconfigs"][0]["value"]))
    cluster = kubeconfig["clusters"][0]["cluster"]
    return Cluster(cluster["server"], cluster.get("certificate-authority-data", ""))


def token() -> BearerToken:
    """For every AKS cluster of the tenant that has Entra integration. Refused without credentials."""
    with translated("get an Entra token for AKS"):
        found = credential().get_token(SERVER_SCOPE)
    if not found.token:
        raise Refused("Entra gave no token for AKS.", hint="Check AZURE_CLIENT_ID and its secret.")
    return BearerToken(found.token, float(found.expires_on))


def _post(endpoint: str, path: str) -> dict[str, Any]:
    """One attempt: who uses the cluster repeats what fails."""
    try:
        from azure.core.exceptions import HttpResponseError
        from azure.core.rest import HttpRequest
        from azure.mgmt.core import ARMPipelineClient
        from azure.mgmt.core.policies import ARMChallengeAuthenticationPolicy
    except ImportError as error:
        raise MissingExtra("azure-mgmt-core", "azure") from error
    policy = ARMChallengeAuthenticationPolicy(credential(), f"{endpoint}/.default")
    query = {"api-version": API_VERSION, "format": "exec"}
    client: Any
    with ARMPipelineClient(base_url=endpoint, policies=[policy]) as client:
        answer = client.send_request(HttpRequest("POST", f"{endpoint}{path}", params=query), **CALL_LIMITS)
        if answer.status_code != 200:
            raise HttpResponseError(response=answer)
        return dict(answer.json())
