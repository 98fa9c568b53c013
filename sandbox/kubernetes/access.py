"""Who may do what: bearer tokens, and permissions that a test can refuse."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from intermodal.sandbox.kubernetes.errors import ApiError, forbidden, unauthorized
from intermodal.sandbox.kubernetes.resources import Resource

PERMISSIONS_PATH = "/_sandbox/permissions"
ADMINISTRATOR = "sandbox-admin"


@dataclass(frozen=True)
class Refusal:
    """What is refused to every user; a ``*`` member is any. ``resource`` may be ``deployments/scale``."""

    verb: str = "*"
    group: str = "*"
    resource: str = "*"
    namespace: str = "*"

    def covers(self, verb: str, group: str, resource: str, namespace: str) -> bool:
        pairs = ((self.verb, verb), (self.group, group), (self.resource, resource), (self.namespace, namespace))
        return all(own in ("*", other) for own, other in pairs)


@dataclass
class Access:
    """``tokens`` maps a bearer token to the name of its user. ``known`` gives the user of a token that another
    issued, such as a cloud; empty for one that is not valid."""

    tokens: dict[str, str] = field(default_factory=dict)
    known: Callable[[str], str] = field(default=lambda _: "")
    refusals: list[Refusal] = field(default_factory=list)

    def user(self, request: web.Request) -> str:
        """The user of the request's bearer token; 401 without a known one."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        user = (self.tokens.get(token) or self.known(token)) if scheme.lower() == "bearer" and token else ""
        if not user:
            raise unauthorized()
        return user

    def allows(self, verb: str, group: str, resource: str, namespace: str) -> bool:
        return not any(refusal.covers(verb, group, resource, namespace) for refusal in self.refusals)

    def require(self, user: str, verb: str, resource: Resource, namespace: str, name: str, subresource: str) -> None:
        """403 as the RBAC authorizer words it."""
        full = f"{resource.plural}/{subresource}" if subresource else resource.plural
        if self.allows(verb, resource.group, full, namespace):
            return
        scope = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
        why = f'User "{user}" cannot {verb} resource "{full}" in API group "{resource.group}" {scope}'
        raise forbidden(resource, name, why)

    def review(self, document: dict[str, Any]) -> dict[str, Any]:
        """A SelfSubjectAccessReview with its answer."""
        spec = document.get("spec") or {}
        if wanted := spec.get("resourceAttributes"):
            resource = wanted.get("resource", "")
            if wanted.get("subresource"):
                resource += "/" + wanted["subresource"]
            allowed = self.allows(
                wanted.get("verb", ""), wanted.get("group", ""), resource, wanted.get("namespace", "")
            )
        elif "nonResourceAttributes" in spec:
            allowed = True
        else:
            raise ApiError(400, "BadRequest", "exactly one of resourceAttributes or nonResourceAttributes is required")
        status = {"allowed": True} if allowed else {"allowed": False, "reason": "refused in the sandbox"}
        return document | {"metadata": document.get("metadata") or {}, "status": status}
