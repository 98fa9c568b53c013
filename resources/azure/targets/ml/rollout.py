"""One deploy in steps, each from what there is towards what is requested.

A deployment is named by a hash of its body. A changed request creates a second deployment beside the first, traffic
shifts when the second is ready, and then the first is deleted. So the next deploy continues one that was killed, and
concurrent deploys agree: of two different ones, the last to shift traffic wins, and both end with a ready endpoint.

Azure deletes no deployment that has traffic. So a failed one loses its traffic first, to another deployment that is
well if there is one, and is then replaced.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from intermodal.platform.errors import DeployFailed, Refused
from intermodal.platform.ports import ownership
from intermodal.resources.azure.errors import reason_of
from intermodal.resources.azure.targets.ml.documents import Documents
from intermodal.resources.azure.targets.ml.workspace import Workspace

KIND = "Azure ML endpoint"
TAKEN = re.compile(r"unique (within|in) (a|the) region", re.IGNORECASE)
"""Azure's reason: "There is already an endpoint with this name, Endpoint name needs to be unique within a region."
https://github.com/Azure/azureml-examples/pull/1931"""
ELSEWHERE = (
    "Names are unique in a region over all customers of Azure. Give the model another name (`name` in its defs.yaml), "
    "use a workspace in another region, or delete the other endpoint if it is yours."
)
FINAL = ("Succeeded", "Failed", "Canceled")
"""https://learn.microsoft.com/rest/api/azureml/online-deployments/get lists the states."""
MAX_REFUSALS = 2
"""Responses 400 or 404 that are not final: a concurrent deploy may have deleted what the call names."""
STEP_DELETION_SECONDS = 5.0
"""A step waits so long for a deletion, which continues without it."""
FAILED_DELETION_SECONDS = 180.0
"""``_fail`` waits so long for a deletion, and reports whether it ended."""
FIX = "Correct what it names and deploy again. The failed deployment was deleted, so it costs nothing."
STILL_SERVES = "Correct what it names and deploy again. The deployment is kept, since it has the traffic."
STILL_THERE = (
    "Correct what it names and deploy again. The failed deployment is still being deleted and costs until it is gone: "
    "see in Azure ML studio that it goes."
)


def state_of(resource: Any) -> str:
    return str(resource.properties.provisioning_state)


class Rollout:
    def __init__(self, workspace: Workspace, documents: Documents) -> None:
        self._workspace, self._documents = workspace, documents
        self._deployment = documents.deployment
        self._ours = self._moved = self._corrected = self._revived = False
        self.state = "Creating"
        self._refusals = 0
        self._poller: Any = None

    def step(self) -> bool:
        """Do the next step; true when nothing is left to do. Raises DeployFailed with the cloud's reason."""
        from azure.core.exceptions import HttpResponseError

        try:
            return self._step()
        except HttpResponseError as error:
            if error.status_code == 409:
                return False  # another operation runs on it
            self._refusals += 1
            if error.status_code in (400, 404) and self._refusals <= MAX_REFUSALS:
                return False
            if error.status_code == 400:
                self._fail(reason_of(error))
            raise

    def _step(self) -> bool:
        name, traffic = self._documents.name, {self._deployment: 100}
        endpoint = self._workspace.endpoint(name)
        if endpoint is None:
            self._create_endpoint()
            return False
        ownership.require_requested(self._documents.request, endpoint.tags or {}, KIND)
        self.state = state_of(endpoint)
        if self.state not in FINAL:
            return False
        if self.state != "Succeeded":
            self._revive(endpoint)
            return False
        if self._moved and endpoint.properties.traffic != traffic:
            return True  # a later deploy of this name has taken over
        deployments = {found.name: found for found in self._workspace.deployments(name)}
        if not self._deployed(endpoint, deployments):
            return False
        if endpoint.properties.traffic != traffic or not (endpoint.tags or {}).items() >= self._documents.tags.items():
            self._put_endpoint(endpoint, traffic)
            self._moved = True
            return False
        self._put_assets()
        for other, found in deployments.items():
            if other != self._deployment and state_of(found) in FINAL:
                self._workspace.delete_deployment(name, other).wait(STEP_DELETION_SECONDS)
        return True

    def _deployed(self, endpoint: Any, deployments: Mapping[str, Any]) -> bool:
        """Whether our deployment is ready; if not, create it, wait for it, correct it, or delete a failed one."""
        found = deployments.get(self._deployment)
        if found is None:
            self._put_deployment()
            return False
        if state_of(found) == "Succeeded":
            if self._corrected or self._documents.fulfilled_by(found):
                return True
            self._corrected = True
            self._put_deployment()
            return False
        if state_of(found) not in FINAL:
            self.state = state_of(found)
            self._ours |= self.state != "Deleting"
            return False
        if self._ours:
            self._fail(self._reason())
        # It failed in an earlier deploy, and its cause may be gone.
        if self._share(endpoint):
            well = [name for name, other in deployments.items() if state_of(other) == "Succeeded"]
            self._put_endpoint(endpoint, {well[0]: 100} if well else {})
            return False
        self._workspace.delete_deployment(self._documents.name, self._deployment).wait(STEP_DELETION_SECONDS)
        return False

    def _create_endpoint(self) -> None:
        """Refused when another workspace of the region, perhaps another customer's, has an endpoint of this name."""
        from azure.core.exceptions import HttpResponseError

        name = self._documents.name
        try:
            self._workspace.put_endpoint(name, self._documents.endpoint_body({}, self._documents.tags))
        except HttpResponseError as error:
            if TAKEN.search(reason_of(error)):
                raise Refused(
                    f"{KIND} '{name}' exists in another workspace of the region: {reason_of(error)}", hint=ELSEWHERE
                ) from error
            raise

    def _revive(self, endpoint: Any) -> None:
        """The last change of the endpoint itself failed: make it once more."""
        if self._revived:
            raise DeployFailed(
                f"Azure ML endpoint '{endpoint.name}' is {self.state}; Azure gives no reason.",
                hint="Look at it in Azure ML studio, and at the workspace's identity and network. Or delete it, and "
                "deploy again.",
            )
        self._revived = True
        self._put_endpoint(endpoint, endpoint.properties.traffic or {})

    def _share(self, endpoint: Any) -> int:
        """Our deployment's percentage of the traffic."""
        return int((endpoint.properties.traffic or {}).get(self._deployment, 0))

    def _put_endpoint(self, endpoint: Any, traffic: Mapping[str, int]) -> None:
        """Tags that others added, such as a policy of the subscription, stay."""
        tags = {**(endpoint.tags or {}), **self._documents.tags}
        self._workspace.put_endpoint(endpoint.name, self._documents.endpoint_body(traffic, tags))

    def _put_assets(self) -> None:
        """What the deployment consists of. Those that exist are kept."""
        documents, name = self._documents, self._documents.name
        self._workspace.put_datastore(documents.address.datastore, documents.datastore_body())
        self._workspace.put_model(name, documents.model_version, documents.model_body())
        self._workspace.put_environment(name, documents.environment_version, documents.environment_body())

    def _put_deployment(self) -> None:
        """Create it, or replace its document in place."""
        self._put_assets()
        documents = self._documents
        self._poller = self._workspace.put_deployment(documents.name, self._deployment, documents.deployment_body())
        self._ours = True

    def _fail(self, reason: str) -> None:
        """Raise with the reason. Deletes what costs: the deployment, and an endpoint that has no other. A deployment
        that has traffic is kept: its correction failed, and what ran before may still serve."""
        name, gone = self._documents.name, True
        endpoint = self._workspace.endpoint(name)
        if endpoint is not None and self._share(endpoint):
            raise DeployFailed(f"Azure ML endpoint '{name}' was not corrected: {reason}", hint=STILL_SERVES)
        if endpoint is not None:
            gone = _ended(self._workspace.delete_deployment(name, self._deployment))
            if gone and not self._workspace.deployments(name):
                gone = _ended(self._workspace.delete_endpoint(name))
                if gone:
                    self._workspace.delete_assets(name)
        raise DeployFailed(f"Azure ML endpoint '{name}' failed: {reason}", hint=FIX if gone else STILL_THERE)

    def _reason(self) -> str:
        """The operation's reason; the container's log when another process began the operation."""
        from azure.core.exceptions import HttpResponseError

        if self._poller is not None:
            try:
                self._poller.result(timeout=30)
            except HttpResponseError as error:
                return reason_of(error)
        return self._workspace.logs(self._documents.name, self._deployment) or "Azure gives no reason."


def _ended(poller: Any) -> bool:
    """Whether a deletion ended in time. The limit keeps a deletion that never ends from blocking its run."""
    poller.wait(FAILED_DELETION_SECONDS)
    return bool(poller.done())
