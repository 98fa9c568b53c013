"""``requirements.txt`` beside the spec: packages that one model needs, which the training environment must have."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from intermodal.platform import ports
from intermodal.platform.errors import NotFound, SpecError
from intermodal.platform.protocol.package import Package
from intermodal.platform.protocol.requirements import LOCK, normalized, pinned

FILE = "requirements.txt"
MADE_FROM = "# made from "
"""The first line of a lock, with a hash of what it was made from."""


@dataclass(frozen=True)
class Requirements:
    """``path`` names the file in errors."""

    path: Path
    text: str

    @classmethod
    def of(cls, folder: Path) -> "Requirements | None":
        """None when the folder has no such file."""
        path = folder.resolve() / FILE
        return cls(path, path.read_text(encoding="utf-8-sig")) if path.is_file() else None

    def wanted(self) -> Iterator[Requirement]:
        """What the lines name. SpecError for a line that is no name with versions."""
        joined = re.sub(r"\\\s*\n", " ", self.text)
        for line in joined.splitlines():
            text = re.sub(r"(^|\s)#.*|\s--hash=\S+", "", line).strip()
            if not text:
                continue
            try:
                requirement = Requirement(text)
            except InvalidRequirement:
                requirement = None
            if requirement is None or requirement.url:
                raise SpecError(
                    f"{self.path}: the line '{text}' is not a package with versions, as 'name>=1.2'.",
                    hint="Options, paths and addresses do not travel with a version. Indexes are set in the "
                    "environment: UV_DEFAULT_INDEX, UV_INDEX, UV_FIND_LINKS.",
                )
            if requirement.marker is None or requirement.marker.evaluate():
                yield requirement

    def require_installed(self, installed: Mapping[str, str]) -> None:
        """SpecError when the training environment lacks a package, or has another version than the file names."""
        problems = []
        for requirement in self.wanted():
            version = installed.get(normalized(requirement.name))
            if version is None:
                problems.append(f"{requirement.name}, which is not installed in the training environment")
            elif not requirement.specifier.contains(version, prereleases=True):
                problems.append(f"{requirement}, and the training environment has {requirement.name} {version}")
        if problems:
            raise SpecError(f"{self.path} names {'; '.join(problems)}.", hint=f"Run: pip install -r {self.path}")


def installed_packages() -> Mapping[str, str]:
    """Package → version of this process's environment; the first on the import path counts."""
    found: dict[str, str] = {}
    for distribution in distributions():
        if name := distribution.metadata["Name"]:
            found.setdefault(normalized(name), distribution.version)
    return found


def made_from(text: str, server: Mapping[str, str], python: str) -> str:
    """A lock's first line: the hash of the requirements, of the server's packages and of Python's version."""
    made = hashlib.sha256(json.dumps([text, dict(server), python], sort_keys=True).encode()).hexdigest()
    return f"{MADE_FROM}{made}\n"


def still_holds(previous: str, first_line: str, installed: Mapping[str, str]) -> bool:
    """Whether an earlier lock was made from the same, and no package of it is installed in another version now."""
    return previous.startswith(first_line) and all(
        installed.get(name, version) == version for name, version in pinned(previous).items()
    )


def write_lock(
    requirements: Requirements | None, folder: Path, locker: ports.Locker, registry: ports.ModelRegistry
) -> Mapping[str, str]:
    """Write the lock of the model's own packages into its package. Package → version; the previous candidate's lock is
    kept while it holds."""
    if requirements is None:
        return {}
    package = Package.read(folder)
    try:
        candidate = registry.candidate(package.model)
        previous = registry.read(candidate, LOCK).decode() if LOCK in candidate.manifest.files else ""
    except NotFound:
        previous = ""  # the first training, or one that the registry has lost
    text = locker.lock(requirements.text, package.format, installed_packages(), previous)
    (folder / LOCK).write_text(text, encoding="utf-8")
    return pinned(text)
