"""The model registry and what makes and signs a package, in memory."""

import itertools
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from packaging.requirements import Requirement

from intermodal.platform.errors import (
    Lost,
    NotFound,
    NumberTaken,
    SpecError,
)
from intermodal.platform.ports.registry import (
    Candidate,
    History,
    Identity,
    LostVersion,
    RegisteredVersion,
    TrainingRecord,
)
from intermodal.platform.protocol.manifest import SIGNATURE, Manifest
from intermodal.platform.protocol.package import Package
from intermodal.platform.protocol.requirements import pinned
from intermodal.platform.registry.versioning import SemanticVersion
from intermodal.resources.python_packages import shipped_locks
from intermodal.serving.dataplane import open_plane
from intermodal.serving.errors import RequestError
from intermodal.serving.pyfunc import _load_pyfunc
from tests.signing import der, signature


class MemoryRegistry:
    """``lost``: ids of runs that are gone, with the reason. ``newest``: each model's highest number."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.numbers = itertools.count()
        self.candidates: list[Candidate] = []
        self.registered: list[RegisteredVersion] = []
        self.champions_by_model: dict[str, RegisteredVersion] = {}
        self.attached: dict[tuple[str, str], bytes] = {}
        self.lost: dict[str, str] = {}
        self.newest: dict[str, str] = {}
        self._lock = threading.Lock()

    def record(self, folder: Path, record: TrainingRecord) -> Candidate:
        kept = self.folder / f"package-{next(self.numbers)}"
        shutil.copytree(folder, kept)
        self.candidates.append(Candidate(record, str(kept), Manifest.of(kept)))
        return self.candidates[-1]

    def add_signature(self, candidate: Candidate, signature: bytes) -> Candidate:
        (Path(candidate.artifacts) / SIGNATURE).write_bytes(signature)
        signed = replace(candidate, manifest=candidate.manifest.signed(signature))
        run_id = candidate.record.run_id
        self.candidates = [signed if known.record.run_id == run_id else known for known in self.candidates]
        self.registered = [
            replace(known, candidate=signed) if known.candidate.record.run_id == run_id else known
            for known in self.registered
        ]
        return signed

    def candidate(self, model: str) -> Candidate:
        for candidate in reversed(self.candidates):
            if candidate.model == model:
                self._require(candidate)
                return candidate
        raise NotFound(f"'{model}' was never trained.")

    def versions(self, model: str) -> Sequence[RegisteredVersion]:
        return self.history(model).versions

    def history(self, model: str) -> History:
        ours = [version for version in self.registered if version.model == model]
        ours.sort(key=lambda version: SemanticVersion.parse(version.version))
        known = [version for version in ours if version.candidate.record.run_id not in self.lost]
        lost = [
            LostVersion(version.version, version.number, run_id, self.lost[run_id])
            for version in ours
            if (run_id := version.candidate.record.run_id) in self.lost
        ]
        return History(known, lost, self.newest.get(model, ""))

    def champion(self, model: str) -> RegisteredVersion | None:
        champion = self.champions_by_model.get(model)
        if champion is None or (run_id := champion.candidate.record.run_id) not in self.lost:
            return champion
        others = [version.version for version in self.versions(model)]
        back = f"Move the alias 'champion' to version {others[-1]}, or run" if others else "Run"
        raise Lost(
            f"Champion {champion.version} of '{model}' is lost: run {run_id}, {self.lost[run_id]}",
            hint=f"{back} the job train_{model}.",
        )

    def register(self, candidate: Candidate, version: str) -> RegisteredVersion:
        with self._lock:
            for known in self.registered:
                if known.candidate.record.run_id == candidate.record.run_id:
                    return known
            newest = self.newest.get(candidate.model)
            if newest and SemanticVersion.parse(version) <= SemanticVersion.parse(newest):
                raise NumberTaken(f"{version} of '{candidate.model}': {newest} was given.", hint="Use a higher one.")
            self.newest[candidate.model] = version
            self.registered.append(RegisteredVersion(version, str(len(self.registered) + 1), candidate))
            return self.registered[-1]

    def champions(self) -> Mapping[str, Identity]:
        return {model: version.identity for model, version in self.champions_by_model.items()}

    def _require(self, candidate: Candidate) -> None:
        if (run_id := candidate.record.run_id) in self.lost:
            raise Lost(f"Run {run_id} of '{candidate.model}' is lost: {self.lost[run_id]}", hint="Train it again.")

    def promote(self, version: RegisteredVersion) -> None:
        self.champions_by_model[version.model] = version

    def download(self, candidate: Candidate, folder: Path) -> Path:
        self._require(candidate)
        return Path(shutil.copytree(candidate.artifacts, folder / "package"))

    def read(self, candidate: Candidate, path: str) -> bytes:
        self._require(candidate)
        return (Path(candidate.artifacts) / path).read_bytes()

    def attach(self, version: RegisteredVersion, path: str, data: bytes) -> str:
        self.attached[version.version, path] = data
        return f"http://registry.example/{version.model}/{version.version}/{path}"

    def predictor(self, candidate: Candidate) -> Callable[[Any], Any]:
        self._require(candidate)
        return _load_pyfunc(candidate.artifacts).predict


@dataclass
class MemorySigner:
    """``private``: the key, None when none is configured."""

    private: EllipticCurvePrivateKey | None = None

    @property
    def key(self) -> bytes | None:
        return der(self.private) if self.private else None

    def sign(self, data: bytes) -> bytes:
        if self.private is None:
            raise SpecError("There is no key to sign with.", hint="Configure one.")
        return signature(self.private, data)


class MemoryLocker:
    """Every package is locked in its installed version, without hashes and without those that it needs."""

    def lock(self, text: str, form: str, installed: Mapping[str, str], previous: str = "") -> str:
        del previous  # the same requirements give the same lock
        server = pinned(shipped_locks()[form].read_text(encoding="utf-8"))
        names = [str(Requirement(line).name) for line in text.splitlines()]
        return "".join(f"{name}=={installed[name]}\n" for name in names if name not in server)


class MemoryPackageServer:
    """The server's data plane in this process: no process start, the same answers."""

    @contextmanager
    def start(self, folder: Path, model: str) -> Iterator[Callable[[bytes], bytes]]:
        package = Package.read(folder)
        assert package.model == model
        plane = open_plane(package, folder, "0.0.0")

        def answer(body: bytes) -> bytes:
            try:
                return (plane.plain_rows(body) or plane.answer(plane.read_v2(body, "json"))).body
            except RequestError as error:
                raise SpecError(error.message) from error

        yield answer
