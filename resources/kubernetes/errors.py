"""Answers of an API server as Intermodal's errors.

An error is a document ``Status``:
https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status
"""

import json
from collections.abc import Mapping
from typing import Any

from intermodal.platform.errors import IntermodalError, NotFound, Refused, SpecError, Throttled, Unavailable
from intermodal.resources.error_templates import Templates, from_status

RIGHTS = (
    "get, list, watch, create, patch and delete on deployments, services, horizontalpodautoscalers, "
    "poddisruptionbudgets and networkpolicies, patch on deployments/scale, get and list on replicasets and pods, and "
    "get on pods/log"
)
RESPONSES: Templates = {
    Refused: ("The cluster refused to {doing}: {reason}", f"Give this identity, in the namespace: {RIGHTS}."),
    Throttled: ("The cluster throttles: {doing}: {reason}", "Run it again in a minute."),
    NotFound: ("Could not {doing}: {reason}", "Check the name, and that the namespace exists."),
    Unavailable: ("Could not {doing}: {reason}", "Try again; look at the cluster's control plane."),
    IntermodalError: ("The cluster did not {doing}: {status} {reason}", "Correct what it names."),
}
CONFLICT = "FieldManagerConflict"
UNTYPED = "failed to create typed patch object"
"""How an API server words an apply with a field that it does not know. Its status is 500, yet no retry helps."""


class Busy(IntermodalError):
    """Another call was first (409). The same call again finds what it left."""


class Expired(IntermodalError):
    """The resource version is no longer kept (410): list again."""


class Rejected(SpecError):
    """The API server, or an admission policy of the cluster, does not take the object as it is (400, 422)."""


def from_answer(status: int, content: bytes, doing: str, retry_after: str = "") -> IntermodalError:
    """The error of an answer. Throttled and Unavailable have ``retry_after_seconds``: 0 when the server states none."""
    found = _status(content)
    reason = str(found.get("message") or found.get("reason") or "no reason given")
    error = _error(status, found, doing, reason)
    stated = retry_after or str(found.get("details", {}).get("retryAfterSeconds", ""))
    if isinstance(error, Throttled | Unavailable):
        error.retry_after_seconds = float(stated) if stated.isdigit() else 0.0  # type: ignore[union-attr]
    return error


def no_answer(error: Exception, doing: str) -> Unavailable:
    """The type of the error only: its text may have the address with all of its query."""
    return Unavailable(
        f"Could not {doing}: no answer from the cluster ({type(error).__name__}).",
        hint="Check the network, and the server's address in the kubeconfig.",
    )


def _error(status: int, found: Mapping[str, Any], doing: str, reason: str) -> IntermodalError:
    if status == 409:
        causes = [each for each in found.get("details", {}).get("causes") or () if each.get("reason") == CONFLICT]
        return _conflict(causes, doing) if causes else Busy(f"The cluster did not {doing}: {reason}", hint="Try again.")
    if status == 410:
        return Expired(f"Could not {doing}: {reason}", hint="List again.")
    if status in (400, 422) or (status == 500 and reason.startswith(UNTYPED)):
        return Rejected(f"The cluster did not {doing}: {reason}", hint="Correct what it names.")
    return from_status(status, RESPONSES, doing=doing, reason=reason, status=status)


def _conflict(causes: list[Mapping[str, Any]], doing: str) -> Refused:
    """Another manager set fields of ours to other values. They are never taken by force: who changed them had a reason,
    and their controller would change them back."""
    fields = "; ".join(f"{each.get('message', CONFLICT)}: {each.get('field', 'a field')}" for each in causes)
    return Refused(
        f"The cluster did not {doing}, because others manage fields of it: {fields}.",
        hint="Let that manager give up the fields (kubectl apply --server-side --field-manager=<it> without them), or "
        "delete the endpoint and deploy again.",
    )


def _status(content: bytes) -> Mapping[str, Any]:
    """Empty for an answer that is none of the API server's, such as a proxy's."""
    try:
        found = json.loads(content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) and found.get("kind") == "Status" else {}
