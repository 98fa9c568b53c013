"""Deletion of an endpoint's objects."""

from intermodal.platform.ports import ownership
from intermodal.resources.kubernetes.api import Api
from intermodal.resources.kubernetes.labels import selector, tags_of

KINDS = ("Service", "HorizontalPodAutoscaler", "PodDisruptionBudget", "Deployment", "NetworkPolicy")
"""The load balancer, which is billed, first; the network stays closed until the pods begin to end."""


def remove(api: Api, name: str) -> bool:
    """Whether nothing is left, also no pod. Refused for the Deployment of another; other objects of another stay."""
    found = {kind: document for kind in KINDS if (document := api.get(kind, name))}
    if owner := found.get("Deployment"):
        ownership.require_own_name(name, tags_of(owner), "Deployment")
    ours = {kind: each for kind, each in found.items() if ownership.is_named_so(name, tags_of(each))}
    for kind, document in ours.items():
        if "deletionTimestamp" not in document["metadata"]:
            api.delete(document, kind)
    return not ours and not api.find("Pod", selector(name))
