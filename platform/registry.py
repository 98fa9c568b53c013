"""Registered versions, and what is remembered of how each was made."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from intermodal.platform.mirroring import Manifest
from intermodal.platform.package import Task
from intermodal.platform.signature import Signature


@dataclass(frozen=True)
class Fingerprint:
    """Hashes of everything that a version is made of; comparing two decides the next number."""

    signature: str
    data: str
    code: str
    parameters: str
    environment: str


@dataclass(frozen=True)
class Candidate:
    """A trained model before it has a version. ``artifacts`` is its address in the registry's artifact store."""

    model: str
    run_id: str
    artifacts: str
    task: Task
    signature: Signature
    fingerprint: Fingerprint
    manifest: Manifest
    metrics: Mapping[str, float]
    window: tuple[str, ...]
    holdout: str


@dataclass(frozen=True)
class RegisteredVersion:
    """A version as the registry knows it. ``number`` is the registry's own count, ``version`` the semantic one."""

    model: str
    version: str
    number: str
    run_id: str
    artifacts: str
    fingerprint: Fingerprint
    tags: Mapping[str, str] = field(default_factory=dict)
