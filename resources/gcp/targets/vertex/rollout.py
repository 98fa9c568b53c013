"""Deployments and deletions, one step at a time. Each step starts from what there is, so that the next call continues
one that was killed."""

from dataclasses import dataclass, field

from intermodal.platform.errors import DeployFailed, IntermodalError
from intermodal.platform.ports import ownership
from intermodal.platform.ports.endpoints import DeployRequest
from intermodal.resources.gcp.api import Json
from intermodal.resources.gcp.labels import label_value
from intermodal.resources.gcp.targets.vertex.client import Vertex
from intermodal.resources.gcp.targets.vertex.documents import (
    ENDPOINT_LABEL,
    Wanted,
    running,
    serving,
    short_name,
    tags_of,
    traffic,
    unavailable,
)

KIND = "Vertex AI endpoint"


@dataclass
class _Steps:
    client: Vertex
    pending: str = field(default="", init=False)
    seen: str = field(default="", init=False)

    def _waits(self) -> bool:
        """Whether the operation that the last step began still runs. Raises OperationFailed."""
        if not self.pending:
            return False
        operation = self.client.operation(self.pending)
        if not operation.get("done"):
            return True
        self.pending = ""
        if error := operation.get("error"):
            raise OperationFailed(str(error.get("message", error)))
        return False

    def _undeploy(self, name: str, endpoint: Json, deployed: Json) -> None:
        """Its traffic goes to another one first. Without another one, the split ends empty by itself."""
        others = [each for each in endpoint["deployedModels"] if each["id"] != deployed["id"]]
        moved = {"trafficSplit": {others[0]["id"]: 100}} if others and traffic(endpoint, deployed["id"]) else {}
        self.pending = self.client.undeploy(name, {"deployedModelId": deployed["id"], **moved})


class OperationFailed(IntermodalError):
    """An operation ended with Google's reason."""


@dataclass
class Rollout(_Steps):
    """Brings an endpoint to what is wanted: the endpoint, the model, its deployment with all traffic, then its
    description, and nothing else deployed."""

    request: DeployRequest
    wanted: Wanted

    def step(self) -> Json | None:
        """The endpoint's document once it serves what is wanted; None before. DeployFailed, Refused."""
        name = self.wanted.name
        try:
            waits = self._waits()
        except OperationFailed as error:
            raise self._failure(error.message) from error
        if waits:
            return None
        current = self.client.endpoint(name)
        if current is None:
            self.pending = self.client.create(name, self.wanted.endpoint)
            return None
        ownership.require_requested(self.request, tags_of(current), KIND)
        found = self.wanted.find(current)
        if found is None or traffic(current, found["id"]) != 100:
            self._bring_in(current, found)
            return None
        if reason := unavailable(found):
            self.seen = reason
            return None
        return current if self._is_tidy(current, found) else None

    def _bring_in(self, current: Json, found: Json | None) -> None:
        name = self.wanted.name
        if running(self.client.operations(name)):
            self.seen = "an operation runs on it"
        elif found is not None:  # a person moved the traffic
            split = {each["id"]: 0 for each in current["deployedModels"]} | {found["id"]: 100}
            self.client.patch(name, {"displayName": self.wanted.name, "trafficSplit": split})
        elif self.client.model(self.wanted.model_id) is None:
            self.pending = self.client.upload(self.wanted.model_id, self.wanted.model)
        else:
            body = self.wanted.deployed(self.client.model_name(self.wanted.model_id))
            self.pending = self.client.deploy(name, body)

    def _is_tidy(self, current: Json, found: Json) -> bool:
        """Whether only this is deployed, and described so; else a step towards it was made."""
        name = self.wanted.name
        if not self.wanted.is_described(current):
            self.client.patch(name, self.wanted.described)
            return False
        if others := [each for each in current["deployedModels"] if each["id"] != found["id"]]:
            self._undeploy(name, current, others[0])
            return False
        kept = self.client.model_name(self.wanted.model_id)
        for model in models_of(self.client, name):
            if short_name(model) != short_name({"name": kept}):
                self.pending = self.client.delete_model(model["name"])
        return True

    def _failure(self, reason: str) -> DeployFailed:
        """The cloud's reason. An endpoint that never served is deleted; else the new model is."""
        name = self.wanted.name
        current = self.client.endpoint(name)
        if current is not None and serving(current):
            self.client.delete_model(self.client.model_name(self.wanted.model_id))
            return DeployFailed(
                f"{KIND} '{name}' could not be updated: {reason}",
                hint="What it served before keeps serving. Correct what the reason names and deploy again.",
            )
        if current is not None and not running(self.client.operations(name)):
            self.client.delete(name)
        for model in models_of(self.client, name):
            self.client.delete_model(model["name"])
        return DeployFailed(
            f"{KIND} '{name}' did not become ready: {reason}",
            hint="It was deleted again. Correct what the reason names (image, artifacts, start-up) and deploy again.",
        )


@dataclass
class Removal(_Steps):
    """Undeploys, deletes the endpoint, then its models: Google refuses each that is still in use."""

    name: str

    def step(self) -> bool:
        """Whether nothing is left. Refused for an endpoint of another."""
        if self._waits():
            return False
        current = self.client.endpoint(self.name)
        if current is None:
            models = models_of(self.client, self.name)
            for model in models:
                self.client.delete_model(model["name"])
            return not models
        ownership.require_own_name(self.name, tags_of(current), KIND)
        if running(self.client.operations(self.name)):
            return False
        deployed = sorted(current.get("deployedModels", []), key=lambda each: traffic(current, each["id"]))
        if deployed:
            self._undeploy(self.name, current, deployed[0])
        else:
            self.pending = self.client.delete(self.name)
        return False


def models_of(client: Vertex, name: str) -> list[Json]:
    """The models that Intermodal uploaded for this endpoint."""
    found = client.models(ENDPOINT_LABEL, label_value(name))
    return [model for model in found if ownership.is_named_so(name, tags_of(model))]
