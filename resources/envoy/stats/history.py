"""Readings of Envoy's counters, kept in small files, so that a later reading gives what came since."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from intermodal.platform.errors import SpecError
from intermodal.platform.ports.gateway import Tries
from intermodal.platform.targets import parse_target
from intermodal.resources.envoy import files
from intermodal.resources.envoy.stats.counters import Key

KEPT_SECONDS = 86400
SPACING = 0.25
"""Two readings that are kept are at least a quarter of their age apart, so a day needs some forty of them."""
SAME_START = 2.0
"""Seconds by which Envoy's start may seem to differ between two readings: it reports its uptime in whole ones."""


@dataclass(frozen=True)
class Reading:
    """``time`` and ``started`` (Envoy's start) are Unix seconds."""

    time: float
    started: float
    counted: Mapping[Key, Tries]


def keep(folder: Path, reading: Reading) -> None:
    """Add a reading; those that are too many or too old are removed. Any number of processes may do it at once."""
    folder.mkdir(mode=0o700, exist_ok=True)
    rows = [
        [model, str(target), version, counted.codes, list(counted.within.items())]
        for (model, target, version), counted in reading.counted.items()
    ]
    files.write(folder / f"{reading.time:.3f}.json", json.dumps([reading.started, rows]))
    for path in set(folder.glob("[0-9]*.json")) - set(spaced(times(folder), reading.time).values()):
        path.unlink(missing_ok=True)
    files.remove_leftovers(folder)


def spaced(known: Mapping[float, Path], now: float) -> dict[float, Path]:
    """Which readings stay: from the oldest on, each that is far enough from the last; and the newest."""
    kept: dict[float, Path] = {}
    last = float("-inf")
    for time in sorted(known):
        newest = time == max(known)
        if now - time <= KEPT_SECONDS and (newest or time - last >= SPACING * (now - time)):
            kept[time], last = known[time], time
    return kept


def nearest(folder: Path, now: float, seconds: float, started: float) -> Reading | None:
    """The reading closest to ``seconds`` ago: at least a second old, at most twice as long ago, of the same Envoy."""
    known = times(folder)
    near = [time for time in known if 1 <= now - time <= 2 * seconds]
    for time in sorted(near, key=lambda time: abs(now - seconds - time)):
        found = read(known[time], time)
        if found is not None and abs(found.started - started) <= SAME_START:
            return found
    return None


def times(folder: Path) -> dict[float, Path]:
    return {float(path.stem): path for path in folder.glob("[0-9]*.json")}


def read(path: Path, time: float) -> Reading | None:
    """None when another process has removed it meanwhile, when it is damaged, and when it is of a release before
    targets: it names clouds."""
    text = files.read(path)
    if text is None:
        return None
    try:
        started, rows = json.loads(text)
        counted = {
            (model, parse_target(target), version): Tries(codes, {float(bound): count for bound, count in within})
            for model, target, version, codes, within in rows
        }
    except (ValueError, TypeError, SpecError):
        return None
    return Reading(time, started, counted)
