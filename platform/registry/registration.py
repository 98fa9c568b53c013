"""Register a candidate under a number that was never given before, whatever was deleted since."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass

from intermodal.platform.errors import NumberTaken
from intermodal.platform.ports import ModelRegistry
from intermodal.platform.ports.registry import Candidate, RegisteredVersion
from intermodal.platform.registry.versioning import next_version

TRIES = 5
"""Registrations that may take the number first."""


@dataclass(frozen=True)
class Registration:
    """The version and the reason for its number. ``lost`` has a sentence for each earlier version that is lost."""

    version: RegisteredVersion
    why: str
    lost: tuple[str, ...] = ()


def register_next(
    registry: ModelRegistry, candidate: Candidate, given: Iterable[str], log: logging.Logger
) -> Registration:
    """Register with the next number. ``given``: numbers that others remember, such as the orchestrator.

    A lost earlier version is logged and stops nothing: only its fingerprint is missed. NumberTaken if TRIES others
    were first.
    """
    remembered, tries = tuple(given), TRIES
    while True:
        history = registry.history(candidate.model)
        others = [known for known in history.versions if known.candidate.record.run_id != candidate.record.run_id]
        numbers = [*remembered, *(lost.version for lost in history.lost), *filter(None, [history.newest])]
        number, why = next_version(
            [(known.version, known.candidate.record.fingerprint) for known in others],
            candidate.record.fingerprint,
            numbers,
        )
        try:
            version = registry.register(candidate, str(number))
        except NumberTaken:
            tries -= 1
            if not tries:
                raise
            log.info("%s of %s was given to another registration; the next number is tried", number, candidate.model)
            continue
        if version.version != str(number):
            why = "it was registered before"
        lost = tuple(
            f"Version {known.version} of '{candidate.model}' is lost: run {known.run_id}, {known.reason}"
            for known in history.lost
        )
        for sentence in lost:
            log.warning("%s It is not compared with, and its number is not given again.", sentence)
        return Registration(version, why, lost)
