"""GKE's API v1: the project's one cluster. Its API server takes the access tokens of the front."""

import re
from typing import Any

from intermodal.sandbox.front import Context
from intermodal.sandbox.gcp.checked import PARENT, CheckedApi, Handlers
from intermodal.sandbox.gcp.errors import ApiError
from intermodal.sandbox.gcp.identity import EMAIL, base_url
from intermodal.sandbox.gcp.tokens import Tokens
from intermodal.sandbox.kubernetes.hosted import Hosted
from intermodal.sandbox.settings import CLUSTER

KIND = "gke"
HOST = "container.googleapis.com"
PATH = re.compile(r"/v1/projects/[^/]+/(locations|zones)/[^/]+/clusters(/.*)?")
"""Of requests that are GKE's; other APIs have this version too."""


class Gke:
    def __init__(self, context: Context, tokens: Tokens) -> None:
        self._tokens, self._base = tokens, base_url(context.settings)
        self._hosted = Hosted(context, KIND, self._user, self._identity)
        self.resume, self.stop = self._hosted.resume, self._hosted.stop
        handlers: Handlers = {"get": (self._get, set())}
        prefix = "container.projects.locations.clusters."
        self.handle = CheckedApi("container.v1", HOST, prefix, tokens, handlers, {}).handle

    async def _get(self, names: dict[str, str], _query: Any, _body: None) -> dict[str, Any]:
        name = f"{PARENT}/clusters/{CLUSTER}"
        if names["name"] != name:
            raise ApiError("NOT_FOUND", f"Not found: {names['name']}.")
        cluster = await self._hosted.get()
        return {
            "name": CLUSTER,
            "selfLink": f"https://{HOST}/v1/{name}",
            "endpoint": cluster.address.removeprefix("https://"),
            "masterAuth": {"clusterCaCertificate": self._hosted.authority},
            "status": "RUNNING",
        }

    def _user(self, token: str) -> str:
        try:
            self._tokens.require_token(token, HOST)
        except ApiError:
            return ""
        return EMAIL

    def _identity(self) -> dict[str, str]:
        """Workload identity: the metadata server gives tokens of the service account."""
        return {"GCE_METADATA_HOST": self._base.removeprefix("http://"), "GOOGLE_BASE_URL": self._base}
