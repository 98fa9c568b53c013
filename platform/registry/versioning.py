"""Semantic versions, derived by comparing fingerprints. They are never set by hand.

MAJOR: the signature changed, so callers may have to change. MINOR: new data, code or parameters, so predictions may
change. PATCH: rebuilt from the same data, code and parameters.
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
    """A version as in https://semver.org, without pre-releases. Versions are ordered by number."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    @classmethod
    def parse(cls, text: str) -> "SemanticVersion":
        match = re.fullmatch(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)", text, flags=re.ASCII)
        if not match:
            raise SpecError(f"'{text}' is not a version.", hint="A version has three numbers, like 1.4.0.")
        return cls(*(int(part) for part in match.groups()))


FIRST_VERSION = SemanticVersion(1, 0, 0)


def change_between(old: Fingerprint, new: Fingerprint) -> tuple[Change, str]:
    """The kind of the change, and a phrase that describes it."""
    if old.signature != new.signature:
        return "major", "the signature changed"
    parts = [part for part in ("data", "code", "parameters") if getattr(old, part) != getattr(new, part)]
    if parts:
        return "minor", f"new {' and '.join(parts)}"
    return "patch", "rebuilt from the same data, code and parameters"


def next_version(
    previous: Iterable[tuple[str, Fingerprint]], new: Fingerprint, given: Iterable[str] = ()
) -> tuple[SemanticVersion, str]:
    """The number of a new version and the reason for it, by comparison with the newest of ``previous``.

    It is above every number in ``given``, which also has those of lost and deleted versions. The signature of such a
    version is unknown, so the change is MAJOR unless its MAJOR is that of a known version, whose signature it had.
    """
    newest = max(
        ((SemanticVersion.parse(text), mark) for text, mark in previous),
        key=lambda pair: pair[0],
        default=None,
    )
    highest = max((SemanticVersion.parse(text) for text in given), default=None)
    if newest is None:
        if highest is None:
            return FIRST_VERSION, "the first version"
        return _above(highest, "major"), f"{highest} was given to a version that the registry has lost"
    number, mark = newest
    change, why = change_between(mark, new)
    if highest is None or highest <= number:
        return _above(number, change), why
    lost: Change = "major" if change == "major" or highest.major != number.major else "minor"
    return _above(highest, lost), f"{why}; {highest} was given to a version that the registry has lost"


def _above(number: SemanticVersion, change: Change) -> SemanticVersion:
    match change:
        case "major":
            return SemanticVersion(number.major + 1, 0, 0)
        case "minor":
            return SemanticVersion(number.major, number.minor + 1, 0)
        case "patch":
            return SemanticVersion(number.major, number.minor, number.patch + 1)
