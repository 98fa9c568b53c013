"""Whether all targets see one population: the gateway shares requests out by chance, so they should."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add

from intermodal.platform.monitoring.counts import ColumnCounts, Counts
from intermodal.platform.monitoring.distances import grouped, psi
from intermodal.platform.monitoring.drift import NAMED
from intermodal.platform.spec import DriftPolicy
from intermodal.platform.training.profile import ColumnProfile, Profile

MIN_TARGET_ROWS = 200
"""A target that answered fewer requests is not compared: 20 bins would hold ten rows each."""


@dataclass(frozen=True)
class TargetFinding:
    """A target that sees another population than the others, or predicts differently: ``columns`` (inputs and outputs)
    with the PSI between it and them. ``target`` is its text, as the prediction log has it."""

    target: str
    columns: Mapping[str, float]
    text: str


def between(profile: Profile, by_target: Mapping[str, Counts], policy: DriftPolicy) -> tuple[TargetFinding, ...]:
    """Targets that see another population than the others together do, in any input (PSI over ``policy.psi``), or that
    predict differently, in any output (over ``policy.prediction_psi``).

    The gateway shares requests out by chance, so all targets should see the same and predict the same. The odd target
    is taken out before the rest is compared again, else it would make the others look odd. Of two that differ, the one
    further from training is named.
    """
    counted = {
        target: counts for target, counts in by_target.items() if counts.rows >= min(MIN_TARGET_ROWS, policy.min_rows)
    }
    kinds = (
        ("sees another population", {target: counts.inputs for target, counts in counted.items()}, policy.psi),
        (
            "predicts differently",
            {target: counts.predictions for target, counts in counted.items()},
            policy.prediction_psi,
        ),
    )
    columns: dict[str, dict[str, float]] = {}
    sentences: dict[str, list[str]] = {}
    for does, by_column, level in kinds:
        for target, distances in _odd_ones(profile, by_column, level).items():
            columns.setdefault(target, {}).update(distances)
            sentences.setdefault(target, []).append(_sentence(f"{target} {does}", distances, level))
    return tuple(TargetFinding(target, columns[target], " ".join(sentences[target])) for target in sorted(columns))


def _odd_ones(
    profile: Profile, by_target: Mapping[str, Mapping[str, ColumnCounts]], level: float
) -> dict[str, dict[str, float]]:
    """The PSI over ``level`` of each odd target's columns."""
    odd: dict[str, dict[str, float]] = {}
    for name in next(iter(by_target.values()), {}):
        counted = {target: columns[name] for target, columns in by_target.items()}
        for target, distance in _odd(profile.by_name[name], counted, level):
            odd.setdefault(target, {})[name] = distance
    return odd


def _odd(column: ColumnProfile, counted: dict[str, ColumnCounts], level: float) -> list[tuple[str, float]]:
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
    furthest = sorted(columns.items(), key=lambda pair: -pair[1])[:NAMED]
    listed = ", ".join(f"{name} {distance:.2f}" for name, distance in furthest)
    return f"{what} than the other targets: PSI over {level:g} in {listed}."
