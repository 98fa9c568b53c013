"""What every target in a Kubernetes cluster does. A cloud's adapter adds how its cluster is reached, and data."""

import os
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, ClassVar

import dagster as dg
import httpx
from pydantic import Field

from intermodal.platform.catalogue import SETTINGS_PAGE
from intermodal.platform.errors import (
    DeployFailed,
    IntermodalError,
    NotFound,
    Refused,
    SpecError,
    Throttled,
    Unavailable,
)
from intermodal.platform.ports import ownership
from intermodal.platform.ports.endpoints import ENVIRONMENT_TAG, MODEL_TAG, DeployRequest, Endpoint, Upstream
from intermodal.platform.ports.metrics import Figures
from intermodal.platform.targets import Feature, Limits, Target
from intermodal.resources.concurrency import succeeds_within
from intermodal.resources.error_templates import Templates, from_status
from intermodal.resources.kubernetes import progress
from intermodal.resources.kubernetes.api import Api
from intermodal.resources.kubernetes.connection import CALL_SECONDS, EXTRA, Connection
from intermodal.resources.kubernetes.documents import endpoint_of
from intermodal.resources.kubernetes.labels import MANAGED, label_text, selector, tags_of
from intermodal.resources.kubernetes.manifests.options import Json, Options
from intermodal.resources.kubernetes.manifests.pod import START_SECONDS
from intermodal.resources.kubernetes.removal import remove
from intermodal.resources.kubernetes.rollout import Rollout
from intermodal.resources.polling import poll
from intermodal.resources.settings import regional_variable

PROBE_SECONDS = 2.0
"""Limit of ``answers``."""
INVOKE_SECONDS = 65
RESPONSES: Templates = {
    Refused: ("{text}", "Something in front of the server refuses the call: it takes any from the gateway's networks."),
    NotFound: ("{text}", "The address is another's by now, or the server has another model. Deploy again."),
    Throttled: ("{text}", "Deploy more replicas, or send less."),
    Unavailable: ("{text}", "Look at the logs of the pods of '{name}'."),
    IntermodalError: ("{text}", "Correct the request."),
}


class KubernetesTarget(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Serves versions as Deployments behind internal load balancers. Fulfils ``ports.EndpointTarget``.

    Nothing between caller and server limits bodies: 10 MB is a figure of ours, and the server refuses what is over its
    own ``INTERMODAL_MAX_BODY_BYTES``. Names are those of Services, of 63 characters. The server asks callers for no
    credential: the network does, by the NetworkPolicy and the load balancer's source ranges. The identity needs the
    rights that ``errors.RIGHTS`` lists, in the namespace only.
    """

    extra: ClassVar[str] = EXTRA
    default: ClassVar[bool] = False
    limits: ClassVar[Limits] = Limits(
        10_000_000, 10_000_000, answer_seconds=60, start_seconds=START_SECONDS, name_length=63
    )
    lacks: ClassVar[Mapping[Feature, str]] = {
        Feature.MONITOR: "a cluster has no monitor of requests of its own; Prometheus scrapes the servers"
    }
    reserved_headers: ClassVar[tuple[str, ...]] = ()
    needs: ClassVar[tuple[str, ...]] = ()
    """Variables without which there is no such target, though its cloud is configured."""

    timeout_seconds: float = Field(default=900, description="Limit of a deployment or a deletion, in seconds.")
    retry_seconds: float = Field(default=20, description="Limit of the retries of a failing call, in seconds.")
    named_region: str = Field(default="", description="The region in the target's name; empty: the default region.")

    @classmethod
    def missing(cls, target: Target) -> tuple[str, ...]:
        """Those of ``needs`` that are not set, as they are named in the target's region."""
        wanted = [regional_variable(name, target.region) for name in cls.needs]
        return tuple(name for name in wanted if not os.environ.get(name))

    @classmethod
    def require(cls, target: Target) -> None:
        """SpecError names the variables of the cluster that are not set."""
        if missing := cls.missing(target):
            raise SpecError(f"{target} is not configured: {', '.join(missing)} not set.", hint=f"See {SETTINGS_PAGE}.")

    @property
    @abstractmethod
    def target(self) -> Target: ...

    @property
    @abstractmethod
    def options(self) -> Options: ...

    @abstractmethod
    def configure(self) -> Any:
        """How the cluster is reached: a ``kubernetes.client.Configuration``."""

    def deploy(self, request: DeployRequest) -> Endpoint:
        rollout = Rollout(self._api, request, self.target, self.options)
        rollout.begin()
        if found := poll(rollout.step, self.timeout_seconds, growth=1):
            return self._endpoint(*found)
        raise DeployFailed(
            f"Endpoint '{request.name}' was not ready within {self.timeout_seconds:.0f} s: {rollout.seen.rstrip('.')}.",
            hint="It still exists. Deploy again to continue, or look at its pods and its Service, or delete it.",
        )

    def describe(self, name: str) -> Endpoint | None:
        found = self._api.get("Deployment", name)
        if found is None or not ownership.is_named_so(name, tags_of(found)):
            return None
        return self._endpoint(found, self._api.get("Service", name))

    def list(self, environment: str, model: str | None = None) -> Sequence[Endpoint]:
        labels = {**MANAGED, ENVIRONMENT_TAG: label_text(environment)}
        if model is not None:
            labels[MODEL_TAG] = label_text(model)
        services = {each["metadata"]["name"]: each for each in self._api.find("Service", labels)}
        found = []
        for each in self._api.find("Deployment", labels):
            name, tags = str(each["metadata"]["name"]), tags_of(each)
            is_wanted = tags.get(ENVIRONMENT_TAG) == environment and model in (None, tags.get(MODEL_TAG))
            if is_wanted and ownership.is_named_so(name, tags):
                found.append(self._endpoint(each, services.get(name)))
        return sorted(found, key=lambda endpoint: endpoint.name)

    def delete(self, name: str) -> None:
        """All of its objects, and waits for its pods to end."""
        if not poll(lambda: remove(self._api, name), self.timeout_seconds):
            raise Unavailable(
                f"Endpoint '{name}' is still being deleted.",
                hint="A finalizer holds one of its objects, or a node does not answer. Delete it again later.",
            )

    def invoke(self, name: str, body: bytes) -> bytes:
        """By the load balancer's address, as the gateway does: a call through the API server would come from an address
        that the NetworkPolicy excludes."""
        endpoint = self.describe(name)
        if endpoint is None:
            raise NotFound(f"No endpoint '{name}' in {self.target}.", hint="Deploy it first.")
        if not endpoint.url:
            raise Unavailable(f"Endpoint '{name}' has no address yet.", hint=endpoint.reason or "Wait for it.")
        headers = {"Content-Type": "application/json"}
        try:
            answer = httpx.post(endpoint.url, content=body, headers=headers, timeout=INVOKE_SECONDS, trust_env=False)
        except httpx.TransportError as error:
            raise Unavailable(
                f"Endpoint '{name}' does not answer at {endpoint.url} ({type(error).__name__}).",
                hint="Is this machine in the networks that the target's settings list for the gateway?",
            ) from error
        if answer.status_code == 200:
            return answer.content
        text = f"Endpoint '{name}' answered {answer.status_code}: {answer.text[:500]}"
        raise from_status(answer.status_code, RESPONSES, text=text, name=name)

    def upstream(self, endpoint: Endpoint) -> Upstream:
        return Upstream(self.target, endpoint.version, endpoint.url)

    def answers(self) -> bool:
        """Whether the API server says in time that this identity may deploy."""
        return succeeds_within(PROBE_SECONDS, self._probe.probe)

    def figures(self, seconds: float, model: str = "") -> Sequence[Figures]:  # noqa: ARG002
        return []

    def _endpoint(self, deployment: Json, service: Json | None) -> Endpoint:
        """A Deployment that is not complete says why by its ReplicaSets and pods."""
        replica_sets, pods = [], []
        if not progress.is_complete(deployment):
            name = deployment["metadata"]["name"]
            replica_sets = progress.owned(self._api.find("ReplicaSet", selector(name)), deployment)
            if newest := progress.newest(deployment, replica_sets):
                pods = progress.owned(self._api.find("Pod", selector(name)), newest)
        return endpoint_of(deployment, service, self.target, replica_sets, pods, datetime.now(UTC))

    @cached_property
    def _api(self) -> Api:
        return self._connect(self.retry_seconds, CALL_SECONDS)

    @cached_property
    def _probe(self) -> Api:
        return self._connect(0, PROBE_SECONDS)

    def _connect(self, retry_seconds: float, call_seconds: float) -> Api:
        return Api(Connection(self.configure, retry_seconds, call_seconds), self.options.namespace)
