"""Registered versions, and what is remembered of how each was made."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

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
class TrainingRecord:
    """How a model was made: enough to make it again.

    ``partitions`` maps each month of the training window to the SHA-256 of its rows, ``holdout`` is the month that
    was kept back, ``metrics`` has the gate's metric for the candidate, and for baseline and champion where there is one
    (``baseline_<metric>``, ``champion_<metric>``), all on the same held-out rows. ``environment`` maps packages to
    versions.
    """

    model: str
    run_id: str
    task: Task
    signature: Signature
    fingerprint: Fingerprint
    partitions: Mapping[str, str]
    holdout: str
    parameters: Mapping[str, Any]
    metrics: Mapping[str, float]
    environment: Mapping[str, str]
    code: str

    def to_json(self) -> str:
        return json.dumps({**asdict(self), "signature": self.signature.to_dict()}, indent=1, sort_keys=True)

    @classmethod
    def from_json(cls, text: str | bytes) -> "TrainingRecord":
        data = json.loads(text)
        signature, fingerprint = Signature.from_dict(data["signature"]), Fingerprint(**data["fingerprint"])
        return cls(**{**data, "signature": signature, "fingerprint": fingerprint})


@dataclass(frozen=True)
class Candidate:
    """A trained model before it has a version. ``artifacts`` is its address in the registry's artifact store."""

    record: TrainingRecord
    artifacts: str
    manifest: Manifest

    @property
    def model(self) -> str:
        return self.record.model


@dataclass(frozen=True)
class RegisteredVersion:
    """A version as the registry knows it. ``number`` is the registry's own count, ``version`` the semantic one.

    ``registered_at`` is Unix seconds, None when the registry does not know.
    """

    version: str
    number: str
    candidate: Candidate
    registered_at: float | None = None

    @property
    def model(self) -> str:
        return self.candidate.model
