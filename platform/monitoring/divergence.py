"""Targets whose requests or predictions differ from those of the other targets.

The gateway distributes requests at random, so all targets should get the same population."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add

from intermodal.platform.monitoring.counts import ColumnCounts, RowCounts
from intermodal.platform.monitoring.distances import grouped, psi
from intermodal.platform.monitoring.drift import MAX_NAMED_COLUMNS
from intermodal.platform.spec import DriftPolicy
from intermodal.platform.training.profile import ColumnProfile, Profile

MIN_TARGET_ROWS = 200
"""A target with fewer rows is not compared: its 20 groups would hold ten rows each."""


@dataclass(frozen=True)
class TargetFinding:
    """A target that gets another population of requests than the others, or predicts differently. ``columns`` (inputs
    and outputs) has the PSI between it and the others. ``target`` is its text, as in the prediction log."""

    target: str
    columns: Mapping[str, float]
    text: str


def divergent_targets(
    profile: Profile, by_target: Mapping[str, RowCounts], policy: DriftPolicy
) -> tuple[TargetFinding, ...]:
    """Targets that differ from all others together in an input (PSI over ``policy.psi``) or in an output (over
    ``policy.prediction_psi``).

    A divergent target is removed before the others are compared again, because it would make them look divergent too.
    If only two targets differ, the one further from training is named.
    """
    counted = {
        target: counts for target, counts in by_target.items() if counts.rows >= min(MIN_TARGET_ROWS, policy.min_rows)
    }
    kinds = (
        (
            "gets another population of requests",
            {target: counts.inputs for target, counts in counted.items()},
            policy.psi,
        ),
        (
            "predicts differently",
            {target: counts.predictions for target, counts in counted.items()},
            policy.prediction_psi,
        ),
    )
    columns: dict[str, dict[str, float]] = {}
    sentences: dict[str, list[str]] = {}
    for difference, by_column, level in kinds:
        for target, distances in _divergent_columns(profile, by_column, level).items():
            columns.setdefault(target, {}).update(distances)
            sentences.setdefault(target, []).append(_sentence(f"{target} {difference}", distances, level))
    return tuple(TargetFinding(target, columns[target], " ".join(sentences[target])) for target in sorted(columns))


def _divergent_columns(
    profile: Profile, by_target: Mapping[str, Mapping[str, ColumnCounts]], level: float
) -> dict[str, dict[str, float]]:
    """Target → column → PSI, for the columns in which a target diverges (PSI over ``level``)."""
    divergent: dict[str, dict[str, float]] = {}
    for name in next(iter(by_target.values()), {}):
        counted = {target: columns[name] for target, columns in by_target.items()}
        for target, distance in _divergent_in_column(profile.by_name[name], counted, level):
            divergent.setdefault(target, {})[name] = distance
    return divergent


def _divergent_in_column(
    column: ColumnProfile, counted: dict[str, ColumnCounts], level: float
) -> list[tuple[str, float]]:
    shares = {target: grouped(column, counts.bins, counts.unseen, counts.missing) for target, counts in counted.items()}
    reference = grouped(column, column.counts, 0, column.missing)
    found = []
    while len(shares) > 1:
        total = reduce(add, shares.values())
        distances = {target: round(psi(total - own, own), 9) for target, own in shares.items()}
        worst = max(sorted(shares), key=lambda target: (distances[target], psi(reference, shares[target])))
        if distances[worst] <= level:
            break
        found.append((worst, distances[worst]))
        del shares[worst]
    return found


def _sentence(what: str, columns: Mapping[str, float], level: float) -> str:
    furthest = sorted(columns.items(), key=lambda pair: -pair[1])[:MAX_NAMED_COLUMNS]
    listed = ", ".join(f"{name} {distance:.2f}" for name, distance in furthest)
    return f"{what} than the other targets: PSI over {level:g} in {listed}."
