"""A deploy request as Vertex AI's documents, and an endpoint's document as an endpoint.

A model's container cannot be read back or changed, so the model's id has a hash of it: another container is another
model. https://cloud.google.com/vertex-ai/docs/predictions/use-custom-container
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from intermodal.platform.errors import SpecError
from intermodal.platform.ports.endpoints import DIGEST_TAG, MODEL_TAG, VERSION_TAG, DeployRequest, Endpoint, State
from intermodal.platform.targets import Target
from intermodal.resources.gcp.api import Json
from intermodal.resources.gcp.labels import label_value, labels

PORT = 8080
MACHINE = "n1-standard-2"
INFERENCE_SECONDS = 600
ENDPOINT_LABEL = "intermodal-endpoint"
"""On each model: the endpoint that it was uploaded for."""


@dataclass(frozen=True)
class Wanted:
    """What fulfils a request: an endpoint's fields, a model with its id, and how it is deployed."""

    name: str
    tags: Mapping[str, str]
    model_id: str
    model: Json
    resources: Json
    service_account: str

    @property
    def described(self) -> Json:
        """The endpoint's fields that are corrected. The description has the tags unchanged, because labels allow lower
        case only."""
        return {"displayName": self.name, "labels": labels(self.tags), "description": _text(self.tags)}

    @property
    def endpoint(self) -> Json:
        timeout = {"inferenceTimeout": f"{INFERENCE_SECONDS}s"}
        return {**self.described, "dedicatedEndpointEnabled": True, "clientConnectionConfig": timeout}

    def deployed(self, model: str) -> Json:
        """The body of ``deployModel``: all traffic goes to the new one when it is ready. ``model`` is a full name."""
        account = {"serviceAccount": self.service_account} if self.service_account else {}
        new = {"model": model, "displayName": self.model_id, "dedicatedResources": self.resources, **account}
        return {"deployedModel": new, "trafficSplit": {"0": 100}}

    def is_described(self, endpoint: Json) -> bool:
        return (
            endpoint.get("labels", {}).items() >= labels(self.tags).items()
            and endpoint.get("description") == _text(self.tags)
            and endpoint.get("displayName") == self.name
        )

    def find(self, endpoint: Json) -> Json | None:
        """The deployed model that is as requested: the one with the most traffic, where there are several."""
        found = [each for each in endpoint.get("deployedModels", []) if self._is_same(each)]
        return max(found, key=lambda each: traffic(endpoint, each["id"]), default=None)

    def _is_same(self, deployed: Json) -> bool:
        """By the fields that Intermodal sets. Those that the cloud adds do not count."""
        have = deployed.get("dedicatedResources", {})
        machine = have.get("machineSpec", {})
        return (
            deployed["model"].partition("@")[0].rsplit("/", 1)[1] == self.model_id
            and {**have, "machineSpec": {"machineType": machine.get("machineType")}}.items() >= self.resources.items()
            and deployed.get("serviceAccount", "") == self.service_account
        )


def wanted(request: DeployRequest, target: Target, service_account: str) -> Wanted:
    """SpecError when the artifacts are not in Cloud Storage."""
    if not request.artifacts.startswith("gs://"):
        raise SpecError(
            f"Vertex AI serves artifacts from Cloud Storage, not from '{request.artifacts}'.",
            hint="Give the URI of the mirror in this cloud: gs://<bucket>/<prefix>.",
        )
    env = {
        "INTERMODAL_VERSION": request.version,
        "INTERMODAL_CLOUD": target.cloud,
        "INTERMODAL_TARGET": str(target),
        **request.variables,
    }
    container = {
        "imageUri": request.image,
        "ports": [{"containerPort": PORT}],
        "predictRoute": f"/v2/models/{request.model}/infer",
        "healthRoute": "/v2/health/ready",
        "env": [{"name": name, "value": value} for name, value in env.items()],
    }
    fixed = {"containerSpec": container, "artifactUri": request.artifacts}
    model_id = f"{request.name}-{hashlib.sha256(_text(fixed).encode()).hexdigest()[:12]}"
    model = {
        **fixed,
        "displayName": model_id,
        "description": _text(request.all_tags),
        "labels": {**labels(request.all_tags), ENDPOINT_LABEL: label_value(request.name)},
    }
    replicas = max(request.replicas, 1)
    resources = {
        "machineSpec": {"machineType": MACHINE},
        "minReplicaCount": replicas,
        "maxReplicaCount": replicas,
    }
    return Wanted(request.name, request.all_tags, model_id, model, resources, service_account)


def tags_of(document: Json) -> dict[str, str]:
    """The tags in the description of an endpoint or a model; none in one that is not Intermodal's."""
    try:
        found = json.loads(document.get("description", ""))
    except ValueError:
        return {}
    return {key: str(value) for key, value in found.items()} if isinstance(found, dict) else {}


def short_name(document: Json) -> str:
    return str(document["name"].rsplit("/", 1)[1])


def traffic(endpoint: Json, deployed_id: str) -> int:
    """In percent."""
    return int(endpoint.get("trafficSplit", {}).get(deployed_id, 0))


def serving(endpoint: Json) -> list[Json]:
    """The deployed models that get traffic."""
    return [each for each in endpoint.get("deployedModels", []) if traffic(endpoint, each["id"])]


def unavailable(deployed: Json) -> str:
    """Why a deployed model answers nothing now; empty when it answers. Google counts its replicas."""
    status = deployed.get("status")
    if not status or status.get("availableReplicaCount", 0):
        return ""
    return str(status.get("message") or "No replica is available.")


def state_of(endpoint: Json, operations: Sequence[Json]) -> tuple[State, str]:
    """Ready when something gets traffic and is available. ``operations`` are the endpoint's, needed only where nothing
    gets traffic: then the newest one tells whether it is in creation, or why it failed."""
    if found := serving(endpoint):
        reasons = [reason for each in found if (reason := unavailable(each))]
        return ("creating", reasons[0]) if reasons else ("ready", "")
    if running(operations):
        return "creating", ""
    if endpoint.get("deployedModels"):
        return "failed", "Its traffic goes to no deployed model."
    born = datetime.fromisoformat(endpoint["createTime"])
    own = [each for each in operations if _began(each) >= born]  # an earlier endpoint may have had the same id
    newest = max(own, key=_began, default={})
    if error := newest.get("error"):
        return "failed", str(error.get("message", ""))
    return "creating", "Nothing is deployed yet."


def running(operations: Sequence[Json]) -> bool:
    return any(not each.get("done") for each in operations)


def endpoint_of(endpoint: Json, target: Target, address: str, operations: Sequence[Json] = ()) -> Endpoint:
    """``address`` is where the dedicated domain ``{dns}`` is reached. The URL takes a V2 body, because it is the
    container's predict route."""
    state, reason = state_of(endpoint, operations)
    tags = tags_of(endpoint)
    dns = str(endpoint.get("dedicatedEndpointDns", "")).removeprefix("https://")
    return Endpoint(
        target=target,
        name=short_name(endpoint),
        model=tags.get(MODEL_TAG, ""),
        version=tags.get(VERSION_TAG, ""),
        url=f"{address.replace('{dns}', dns)}/v1/{endpoint['name']}:rawPredict",
        state=state,
        reason=reason,
        digest=tags.get(DIGEST_TAG, ""),
    )


def _began(operation: Json) -> datetime:
    return datetime.fromisoformat(operation["metadata"]["genericMetadata"]["createTime"])


def _text(document: Mapping[str, object]) -> str:
    return json.dumps(document, sort_keys=True)
