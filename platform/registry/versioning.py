"""Semantic versions that mean something, decided by comparison and never by hand.

MAJOR: the signature changed, callers must look. MINOR: new data, code or parameters, the model may answer otherwise.
PATCH: rebuilt from the same of all three.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from intermodal.platform.errors import SpecError
from intermodal.platform.ports.registry import Fingerprint

Change = Literal["major", "minor", "patch"]


@dataclass(frozen=True, order=True)
class SemanticVersion:
    """https://semver.org without pre-releases; ordered as numbers."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    @classmethod
    def parse(cls, text: str) -> "SemanticVersion":
        match = re.fullmatch(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)", text, flags=re.ASCII)
        if not match:
            raise SpecError(f"'{text}' is not a version.", hint="Write three numbers: 1.4.0.")
        return cls(*(int(part) for part in match.groups()))


FIRST = SemanticVersion(1, 0, 0)


def change_between(old: Fingerprint, new: Fingerprint) -> tuple[Change, str]:
    """How much changed, and what, in words for people."""
    if old.signature != new.signature:
        return "major", "the signature changed"
    parts = [part for part in ("data", "code", "parameters") if getattr(old, part) != getattr(new, part)]
    if parts:
        return "minor", f"new {' and '.join(parts)}"
    return "patch", "rebuilt from the same data, code and parameters"


def next_version(previous: Iterable[tuple[str, Fingerprint]], new: Fingerprint) -> tuple[SemanticVersion, str]:
    """The number for a new version, compared with the newest of ``previous`` (version, fingerprint), and why."""
    newest = max(
        ((SemanticVersion.parse(text), mark) for text, mark in previous),
        key=lambda pair: pair[0],
        default=None,
    )
    if newest is None:
        return FIRST, "the first version"
    number, mark = newest
    change, why = change_between(mark, new)
    match change:
        case "major":
            return SemanticVersion(number.major + 1, 0, 0), why
        case "minor":
            return SemanticVersion(number.major, number.minor + 1, 0), why
        case "patch":
            return SemanticVersion(number.major, number.minor, number.patch + 1), why
