"""AKS: the resource group's one cluster by its user's kubeconfig. Its API server takes Entra tokens for AKS only."""

import base64
import json

from aiohttp import web

from intermodal.sandbox.azure.arm import ArmError, Handler, not_found
from intermodal.sandbox.azure.identity import CLIENT, GROUP, SUBSCRIPTION, storage_key
from intermodal.sandbox.azure.login import Login
from intermodal.sandbox.front import Context
from intermodal.sandbox.kubernetes.hosted import Hosted
from intermodal.sandbox.settings import CLUSTER

KIND = "aks"
BASE = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/Microsoft.ContainerService"
SERVER = "6dae42f8-4368-4678-94ff-3960e28e3630"
"""The application of every AKS cluster."""
LABEL = "azure.workload.identity/use=true"


class Aks:
    def __init__(self, context: Context, login: Login) -> None:
        self._login = login
        self._hosted = Hosted(context, KIND, self._user, lambda: storage_key(context.settings), LABEL)
        self.resume, self.stop = self._hosted.resume, self._hosted.stop

    def routes(self) -> list[tuple[str, str, Handler]]:
        return [("POST", "/managedClusters/{cluster}/listClusterUserCredential", self._credential)]

    async def _credential(self, request: web.Request) -> web.Response:
        """As of a cluster with Entra integration: to log in is kubelogin's, and no secret is in it."""
        if request.match_info["cluster"] != CLUSTER:
            raise not_found(request.path)
        if request.query.get("format") != "exec":
            raise ArmError(501, "NotImplemented", "The sandbox emulates kubeconfigs of the format 'exec' only.")
        cluster, user = await self._hosted.get(), f"clusterUser_{GROUP}_{CLUSTER}"
        login = {
            "apiVersion": "client.authentication.k8s.io/v1beta1",
            "command": "kubelogin",
            "args": ["get-token", "--server-id", SERVER],
        }
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": CLUSTER,
                    "cluster": {
                        "server": cluster.address,
                        "certificate-authority-data": self._hosted.authority,
                    },
                }
            ],
            "users": [{"name": user, "user": {"exec": login}}],
            "contexts": [{"name": CLUSTER, "context": {"cluster": CLUSTER, "user": user}}],
            "current-context": CLUSTER,
        }
        value = base64.b64encode(json.dumps(document).encode()).decode()
        return web.json_response({"kubeconfigs": [{"name": "clusterUser", "value": value}]})

    def _user(self, token: str) -> str:
        claims = self._login.read(token)
        return CLIENT if claims and claims["scp"] == f"{SERVER}/.default" else ""
