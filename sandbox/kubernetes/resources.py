"""The resources that the server has, as data: what discovery lists, routing accepts and strategies need."""

from dataclasses import dataclass
from typing import Any

VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
SUBRESOURCE_VERBS = ("get", "patch", "update")


@dataclass(frozen=True)
class Resource:
    """``subresources`` of status, scale and log; ``counted`` kinds have a generation that changes with their spec."""

    group: str
    version: str
    plural: str
    kind: str
    short_names: tuple[str, ...] = ()
    namespaced: bool = True
    verbs: tuple[str, ...] = VERBS
    subresources: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    counted: bool = False

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """``deployments.apps``, as errors name a resource."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def singular(self) -> str:
        return self.kind.lower()

    @property
    def path(self) -> str:
        return f"/apis/{self.api_version}" if self.group else f"/api/{self.version}"

    def key(self, namespace: str, name: str) -> str:
        return f"{self.group}/{self.plural}/{namespace}/{name}"

    def of(self, document: dict[str, Any]) -> bool:
        return document.get("kind") == self.kind and document.get("apiVersion") == self.api_version


STATUS = ("status",)
SCALED = ("status", "scale")

NAMESPACE = Resource("", "v1", "namespaces", "Namespace", ("ns",), False, subresources=STATUS,
    verbs=tuple(verb for verb in VERBS if verb != "deletecollection"))  # fmt: skip
NODE = Resource("", "v1", "nodes", "Node", ("no",), False, subresources=STATUS)
POD = Resource("", "v1", "pods", "Pod", ("po",), subresources=("status", "log"), categories=("all",), counted=True)
SERVICE = Resource("", "v1", "services", "Service", ("svc",), subresources=STATUS, categories=("all",))
SECRET = Resource("", "v1", "secrets", "Secret")
CONFIG_MAP = Resource("", "v1", "configmaps", "ConfigMap", ("cm",))
SERVICE_ACCOUNT = Resource("", "v1", "serviceaccounts", "ServiceAccount", ("sa",))
EVENT = Resource("", "v1", "events", "Event", ("ev",))
ENDPOINTS = Resource("", "v1", "endpoints", "Endpoints", ("ep",))
DEPLOYMENT = Resource("apps", "v1", "deployments", "Deployment", ("deploy",), subresources=SCALED,
    categories=("all",), counted=True)  # fmt: skip
REPLICA_SET = Resource("apps", "v1", "replicasets", "ReplicaSet", ("rs",), subresources=SCALED,
    categories=("all",), counted=True)  # fmt: skip
AUTOSCALER = Resource("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", ("hpa",),
    subresources=STATUS, categories=("all",))  # fmt: skip
DISRUPTION_BUDGET = Resource("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", ("pdb",),
    subresources=STATUS, counted=True)  # fmt: skip
NETWORK_POLICY = Resource("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", ("netpol",), counted=True)
JOB = Resource("batch", "v1", "jobs", "Job", subresources=STATUS, categories=("all",), counted=True)
ENDPOINT_SLICE = Resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice")
LEASE = Resource("coordination.k8s.io", "v1", "leases", "Lease")
ACCESS_REVIEW = Resource("authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", (),
    False, ("create",))  # fmt: skip

RESOURCES = (
    NAMESPACE, NODE, POD, SERVICE, SECRET, CONFIG_MAP, SERVICE_ACCOUNT, EVENT, ENDPOINTS, DEPLOYMENT, REPLICA_SET,
    AUTOSCALER, DISRUPTION_BUDGET, NETWORK_POLICY, JOB, ENDPOINT_SLICE, LEASE, ACCESS_REVIEW,
)  # fmt: skip
BY_PATH = {(resource.group, resource.version, resource.plural): resource for resource in RESOURCES}
GROUPS: dict[tuple[str, str], list[Resource]] = {}
for _resource in RESOURCES:
    GROUPS.setdefault((_resource.group, _resource.version), []).append(_resource)
