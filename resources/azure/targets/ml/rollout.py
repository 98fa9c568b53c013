"""One deploy, as a series of small steps that each look at what is there and bring it closer to what is wanted.

A deployment is named after what it runs. A changed request gets a second deployment beside the first, and traffic moves
when it is ready; then the first goes. So a deploy that was killed is continued by the next, and two at once agree: of
two different ones, the one that moves the traffic last wins, and both end with a ready endpoint.
"""

from __future__ import annotations

from typing import Any

from intermodal.platform.errors import DeployFailed
from intermodal.resources.azure.errors import reason_of
from intermodal.resources.azure.targets.ml.documents import Documents
from intermodal.resources.azure.targets.ml.workspace import Workspace

FINAL = ("Succeeded", "Failed", "Canceled")
REFUSALS = 2
"""How often a 400 or 404 is doubted: a rival may have removed what a call names between our look and the call."""
STEP_SECONDS, REMOVAL_SECONDS = 5.0, 180.0
"""How long a step waits for a deletion that goes on without it, and ``_fail`` for one that it says is done."""
FIX = "Correct what it names and deploy again. The failed deployment was deleted, so it costs nothing."
STILL_THERE = (
    "Correct what it names and deploy again. The failed deployment is still being deleted and costs until it is gone: "
    "see in Azure ML studio that it goes."
)


def state_of(resource: Any) -> str:
    return str(resource.properties.provisioning_state)


class Rollout:
    def __init__(self, workspace: Workspace, documents: Documents) -> None:
        self._workspace, self._documents = workspace, documents
        self._wanted = documents.deployment
        self._ours = self._moved = False
        self._refusals = 0
        self._poller: Any = None

    def step(self) -> bool:
        """Do the next thing; true when nothing is left to do. Raises DeployFailed with the cloud's reason."""
        from azure.core.exceptions import HttpResponseError

        try:
            return self._step()
        except HttpResponseError as error:
            if error.status_code == 409:
                return False  # somebody else's operation runs here: look again when it is over
            self._refusals += 1
            if error.status_code in (400, 404) and self._refusals <= REFUSALS:
                return False
            if error.status_code == 400:
                self._fail(reason_of(error))
            raise

    def _step(self) -> bool:
        name, traffic = self._documents.name, {self._wanted: 100}
        endpoint = self._workspace.endpoint(name)
        if endpoint is None:
            self._workspace.put_endpoint(name, self._documents.endpoint_body({}, self._documents.tags))
            return False
        if state_of(endpoint) not in FINAL:
            return False
        if self._moved and endpoint.properties.traffic != traffic:
            return True  # a later deploy of this name has taken over
        deployments = {found.name: found for found in self._workspace.deployments(name)}
        if not self._deployed(deployments.get(self._wanted)):
            return False
        if endpoint.properties.traffic != traffic or endpoint.tags != self._documents.tags:
            self._workspace.put_endpoint(name, self._documents.endpoint_body(traffic, self._documents.tags))
            self._moved = True
            return False
        for other, found in deployments.items():
            if other != self._wanted and state_of(found) in FINAL:
                self._workspace.delete_deployment(name, other).wait(STEP_SECONDS)
        return True

    def _deployed(self, found: Any | None) -> bool:
        """Whether our deployment is there and ready; if not, do something about it."""
        if found is None:
            self._create()
            return False
        if state_of(found) == "Succeeded":
            return True
        if state_of(found) not in FINAL:
            self._ours = True
            return False
        if self._ours:
            self._fail(self._reason())
        # It failed in an earlier deploy, and what it lacked may be there now.
        self._workspace.delete_deployment(self._documents.name, self._wanted).wait(STEP_SECONDS)
        return False

    def _create(self) -> None:
        documents, name = self._documents, self._documents.name
        self._workspace.put_datastore(documents.address.datastore, documents.datastore_body())
        self._workspace.put_model(name, documents.model_version, documents.model_body())
        self._workspace.put_environment(name, documents.environment_version, documents.environment_body())
        self._poller = self._workspace.put_deployment(name, self._wanted, documents.deployment_body())
        self._ours = True

    def _fail(self, reason: str) -> None:
        """Raise with the reason, and leave nothing that costs: the endpoint goes too if it has nothing else."""
        name, gone = self._documents.name, True
        if self._workspace.endpoint(name) is not None:
            gone = _ended(self._workspace.delete_deployment(name, self._wanted))
            if gone and not self._workspace.deployments(name):
                gone = _ended(self._workspace.delete_endpoint(name))
                if gone:
                    self._workspace.delete_assets(name)
        raise DeployFailed(f"Azure ML endpoint '{name}' failed: {reason}", hint=FIX if gone else STILL_THERE)

    def _reason(self) -> str:
        """What the operation says; for an operation that another process began, what the container wrote."""
        from azure.core.exceptions import HttpResponseError

        if self._poller is not None:
            try:
                self._poller.result(timeout=30)
            except HttpResponseError as error:
                return reason_of(error)
        return self._workspace.logs(self._documents.name, self._wanted) or "Azure gives no reason."


def _ended(poller: Any) -> bool:
    """Whether a deletion ended within ``REMOVAL_SECONDS``: one that is stuck must not hold its run for ever."""
    poller.wait(REMOVAL_SECONDS)
    return bool(poller.done())
