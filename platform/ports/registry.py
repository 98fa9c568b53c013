"""Registered versions, and what is remembered of how each was made."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from intermodal.platform.protocol.manifest import Manifest
from intermodal.platform.protocol.package import Task
from intermodal.platform.protocol.signature import Signature


@dataclass(frozen=True)
class Fingerprint:
    """Hashes of everything that a version is made of; comparing two decides the next number."""

    signature: str
    data: str
    code: str
    parameters: str
    environment: str


@dataclass(frozen=True)
class Servable:
    """The packaged server's trial on a candidate: how many rows it was sent beside the golden ones, and a sentence for
    each failure. No sentence: it started, and answered as the fitted model did."""

    rows: int
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Slice:
    """The candidate's metric on the held-out rows that have this value. None is a value of a sensitive column."""

    column: str
    value: str | None
    rows: int
    figure: float


@dataclass(frozen=True)
class TrainingRecord:
    """How a model was made: enough to make it again.

    ``partitions`` maps each partition of the training window to the SHA-256 of its rows, ``holdout`` is the one that
    was kept back, ``metrics`` has the gate's metric for the candidate, and for baseline and champion where there is one
    (``baseline_<metric>``, ``champion_<metric>``), all on the same held-out rows; ``compared_<metric>`` is the
    candidate's on those of the champion, where they are fewer. ``environment`` maps packages to
    versions. ``slices`` are those of ``gate.slices``, worst first. ``findings`` are sentences for a person: what the
    metrics leave out, and why. ``servable`` is None for a candidate that was made before servers were tried.
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
    findings: tuple[str, ...] = ()
    servable: Servable | None = None
    slices: tuple[Slice, ...] = ()

    def to_json(self) -> str:
        return json.dumps({**asdict(self), "signature": self.signature.to_dict()}, indent=1, sort_keys=True)

    @classmethod
    def from_json(cls, text: str | bytes) -> "TrainingRecord":
        data = json.loads(text)
        signature, fingerprint = Signature.from_dict(data["signature"]), Fingerprint(**data["fingerprint"])
        trial = data.get("servable")
        servable = trial and Servable(trial["rows"], tuple(trial["reasons"]))
        slices = tuple(Slice(**each) for each in data.get("slices", ()))
        known = {"findings": tuple(data.get("findings", ())), "servable": servable, "slices": slices}
        return cls(**{**data, **known, "signature": signature, "fingerprint": fingerprint})


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

    @property
    def identity(self) -> "Identity":
        return Identity(self.version, self.candidate.manifest.digest)


@dataclass(frozen=True)
class Identity:
    """A version's number and its package digest ('' if unknown: registered or deployed before digests were kept)."""

    version: str
    digest: str = ""

    def same_as(self, other: "Identity") -> bool:
        """Whether the numbers are equal, and the digests too where both are known."""
        return self.version == other.version and ("" in (self.digest, other.digest) or self.digest == other.digest)


@dataclass(frozen=True)
class LostVersion:
    """A registered version whose run or artifacts are missing or damaged. ``reason`` names what."""

    version: str
    number: str
    run_id: str
    reason: str


@dataclass(frozen=True)
class History:
    """Everything that is known of a model's versions, oldest first.

    ``newest`` is the highest number that was ever given, '' if none was. It outlives the version, its run, and the
    model's entry in the registry.
    """

    versions: Sequence[RegisteredVersion] = ()
    lost: Sequence[LostVersion] = ()
    newest: str = ""


class ModelRegistry(Protocol):
    """Where versions are registered once. Errors: NotFound, Lost, Unavailable."""

    def record(self, folder: Path, record: TrainingRecord) -> Candidate:
        """Store a trained package and how it was made; the candidate has no version yet."""

    def candidate(self, model: str) -> Candidate:
        """The newest candidate; NotFound when nothing was trained, Lost when its record is missing or damaged."""

    def add_signature(self, candidate: Candidate, signature: bytes) -> Candidate:
        """Keep the signature as the package's file ``model.sig``, replacing an earlier one, and in its manifest. The
        candidate with that manifest. Its digest stays."""

    def versions(self, model: str) -> Sequence[RegisteredVersion]:
        """All versions that can be read, oldest first; empty when the model is unknown."""

    def history(self, model: str) -> History:
        """The versions, those that are lost, and the highest number that was ever given."""

    def champion(self, model: str) -> RegisteredVersion | None:
        """None when there is none. Lost, with version, run and the way out, when it is missing or damaged."""

    def champions(self) -> Mapping[str, Identity]:
        """Every model's champion by model's name, in one call however many there are. Reads no artifact."""

    def register(self, candidate: Candidate, version: str) -> RegisteredVersion:
        """Idempotent: registering the same candidate again gives the version that it has.

        NumberTaken when the number was given before, whatever was deleted since, also when two register at once: one
        of them gets it.
        """

    def promote(self, version: RegisteredVersion) -> None:
        """Move the alias ``champion``."""

    def download(self, candidate: Candidate, folder: Path) -> Path:
        """Fetch a package below ``folder``; the folder that holds ``intermodal.json``."""

    def read(self, candidate: Candidate, path: str) -> bytes:
        """One small file of a package (``golden.json``)."""

    def attach(self, version: RegisteredVersion, path: str, data: bytes) -> str:
        """Keep a page about a version beside it, replacing an earlier one of that path; its address for people."""

    def predictor(self, candidate: Candidate) -> Callable[[Any], Any]:
        """The packaged model as a function from a DataFrame to an array of predictions, ``[n]`` or ``[n, k]``.

        The function raises SpecError when the model does not take the rows. A package that cannot be loaded is a
        SpecError too.
        """
