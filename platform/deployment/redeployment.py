"""Decide when a new champion or a changed spec is deployed: once for each. People are notified if it fails."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

ENDED_ELSEWHERE = (
    "its deployment ended, but another version or spec is served (runs read specs from disk: reload the definitions)"
)


def digest(fingerprints: Mapping[str, str]) -> str:
    """Twelve characters that identify the code versions of a model's deployed assets."""
    return hashlib.sha256(json.dumps(fingerprints, sort_keys=True).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class DeploymentFailure:
    """The last deployment of a model, if it failed or was cancelled: its run, and when it ended (Unix seconds)."""

    run: str
    ended_at: float


@dataclass(frozen=True)
class DeploymentState:
    """The current state of a model. ``version`` is the champion's, ``package`` the first 12 characters of its digest,
    ``spec`` the digest of its spec's fingerprints. ``served``: whether all were deployed last. ``busy``: whether a
    deployment, failover or recovery is in progress. ``moved``: when a failover or recovery last succeeded, Unix
    seconds."""

    version: str
    spec: str
    served: bool = False
    busy: bool = False
    failed: DeploymentFailure | None = None
    moved: float | None = None
    package: str = ""


@dataclass(frozen=True)
class PendingDeployment:
    """A version and spec that are not served yet. ``since``: when that was first seen. ``requested``: when its
    deployment was last requested. Both in Unix seconds. ``notified``: whether people were notified that it failed."""

    version: str
    spec: str
    since: float
    requested: float | None = None
    notified: bool = False
    package: str = ""

    def key(self, model: str) -> str:
        """Identifies the request. The same version or spec, when it is used again later, gets another key."""
        return f"{model}-{self.version}-{self.spec}-{int(self.requested or self.since)}"

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "PendingDeployment":
        requested = None if data.get("requested") is None else float(data["requested"])
        return cls(
            version=str(data["version"]),
            spec=str(data["spec"]),
            since=float(data["since"]),
            requested=requested,
            notified=bool(data.get("notified", False)),
            package=str(data.get("package", "")),
        )

    def is_for(self, seen: DeploymentState) -> bool:
        """Whether this is the deployment of what is wanted now. One of an earlier release has no package."""
        return (self.version, self.spec) == (seen.version, seen.spec) and self.package in ("", seen.package)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class RedeploymentDecision:
    """What to do, and why."""

    action: Literal["nothing", "wait", "deploy", "ask people"]
    reason: str = ""


def decide(
    known: PendingDeployment | None, seen: DeploymentState, now: float
) -> tuple[PendingDeployment | None, RedeploymentDecision]:
    """The decision, and what to remember after acting on it: None if champion and spec are served.

    Dagster stores a requested run before the next tick, so if no run is in progress, it has ended.
    """
    known = replace(known, package=seen.package) if known is not None and known.is_for(seen) else None
    if seen.served:
        return _served(known, seen)
    due = known or PendingDeployment(seen.version, seen.spec, since=now, package=seen.package)
    if seen.busy:
        return due, RedeploymentDecision("wait", "a run is in progress")
    if due.requested is None:
        return replace(due, requested=now), RedeploymentDecision("deploy")
    if (
        seen.moved is not None and seen.moved > due.requested
    ):  # the cloud that made it fail is now left out, or has recovered
        return replace(due, requested=now, notified=False), RedeploymentDecision("deploy")
    if due.notified:
        return due, RedeploymentDecision(
            "wait", "its deployment failed and people were notified; they or a failover will repeat it"
        )
    failure = _failure(due, seen)
    reason = f"its deployment failed (run {failure.run})" if failure else ENDED_ELSEWHERE
    return replace(due, notified=True), RedeploymentDecision("ask people", reason)


def _served(
    known: PendingDeployment | None, seen: DeploymentState
) -> tuple[PendingDeployment | None, RedeploymentDecision]:
    """The decision when the route is published. The run may still fail in the checks after it."""
    if known is None or known.notified:
        return None, RedeploymentDecision("nothing")
    if seen.busy:
        return known, RedeploymentDecision("wait", "a run is in progress")
    if failure := _failure(known, seen):
        reason = f"its deployment failed after the route was published (run {failure.run})"
        return replace(known, notified=True), RedeploymentDecision("ask people", reason)
    return None, RedeploymentDecision("nothing")


def _failure(due: PendingDeployment, seen: DeploymentState) -> DeploymentFailure | None:
    return seen.failed if seen.failed is not None and seen.failed.ended_at >= due.since else None
