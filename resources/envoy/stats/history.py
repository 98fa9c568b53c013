"""Looks at Envoy's counters, kept in small files, so that a later look can tell what came since."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from intermodal.resources.envoy import files
from intermodal.resources.envoy.stats.counters import Counted, Key

KEPT_SECONDS = 86400
SPACING = 0.25
"""Two looks that are kept lie at least a quarter of their age apart, so a day needs some forty of them."""
SAME_START = 2.0
"""Seconds by which Envoy's start may seem to differ between two looks: it tells its uptime in whole ones."""


@dataclass(frozen=True)
class Look:
    """``at`` and ``started`` (Envoy's start) are Unix seconds."""

    at: float
    started: float
    counted: Mapping[Key, Counted]


def keep(folder: Path, look: Look) -> None:
    """Add a look; those that have become too many or too old go. Any number of processes may do it at once."""
    folder.mkdir(mode=0o700, exist_ok=True)
    rows = [[*key, one.codes, list(one.within.items())] for key, one in look.counted.items()]
    files.write(folder / f"{look.at:.3f}.json", json.dumps([look.started, rows]))
    for path in set(folder.glob("[0-9]*.json")) - set(spaced(times(folder), look.at).values()):
        path.unlink(missing_ok=True)


def spaced(known: Mapping[float, Path], now: float) -> dict[float, Path]:
    """Which looks stay: from the oldest on, each that is far enough from the last; and the newest."""
    kept: dict[float, Path] = {}
    last = float("-inf")
    for at in sorted(known):
        newest = at == max(known)
        if now - at <= KEPT_SECONDS and (newest or at - last >= SPACING * (now - at)):
            kept[at], last = known[at], at
    return kept


def nearest(folder: Path, now: float, seconds: float, started: float) -> Look | None:
    """The look closest to ``seconds`` ago: at least a second old, at most twice as long ago, of the same Envoy."""
    known = times(folder)
    near = [at for at in known if 1 <= now - at <= 2 * seconds]
    for at in sorted(near, key=lambda at: abs(now - seconds - at)):
        found = read(known[at], at)
        if found is not None and abs(found.started - started) <= SAME_START:
            return found
    return None


def times(folder: Path) -> dict[float, Path]:
    return {float(path.stem): path for path in folder.glob("[0-9]*.json")}


def read(path: Path, at: float) -> Look | None:
    """None when another process has removed it meanwhile."""
    text = files.read(path)
    if text is None:
        return None
    started, rows = json.loads(text)
    counted = {
        (model, cloud, version): Counted(codes, {float(bound): count for bound, count in within})
        for model, cloud, version, codes, within in rows
    }
    return Look(at, started, counted)
