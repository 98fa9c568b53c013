"""Whether all clouds are asked by one population: the gateway shares requests out by chance, so they should be."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add

from intermodal.platform.monitoring.counts import ColumnCounts, Counts
from intermodal.platform.monitoring.distances import grouped, psi
from intermodal.platform.monitoring.drift import NAMED
from intermodal.platform.spec import DriftPolicy
from intermodal.platform.training.profile import ColumnProfile, Profile

CLOUD_ROWS = 200
"""A cloud that answered fewer requests is not compared: 20 bins would hold ten rows each."""


@dataclass(frozen=True)
class CloudFinding:
    """A cloud that is asked something else than the others, or predicts otherwise: ``columns`` (inputs and outputs)
    with the PSI between it and them."""

    cloud: str
    columns: Mapping[str, float]
    text: str


def between(profile: Profile, by_cloud: Mapping[str, Counts], policy: DriftPolicy) -> tuple[CloudFinding, ...]:
    """Clouds that see another population than the others together do, in any input (PSI over ``policy.psi``), or that
    predict otherwise, in any output (over ``policy.prediction_psi``).

    The gateway shares requests out by chance, so all clouds should see the same and predict the same. The odd one is
    taken out before the rest is compared again, else it would make the others look odd. Of two that differ, the one
    further from training is named.
    """
    counted = {cloud: one for cloud, one in by_cloud.items() if one.rows >= min(CLOUD_ROWS, policy.min_rows)}
    kinds = (
        ("sees another population", {cloud: one.inputs for cloud, one in counted.items()}, policy.psi),
        ("predicts otherwise", {cloud: one.predictions for cloud, one in counted.items()}, policy.prediction_psi),
    )
    columns: dict[str, dict[str, float]] = {}
    sentences: dict[str, list[str]] = {}
    for does, by_column, level in kinds:
        for cloud, distances in _odd_ones(profile, by_column, level).items():
            columns.setdefault(cloud, {}).update(distances)
            sentences.setdefault(cloud, []).append(_sentence(f"{cloud} {does}", distances, level))
    return tuple(CloudFinding(cloud, columns[cloud], " ".join(sentences[cloud])) for cloud in sorted(columns))


def _odd_ones(
    profile: Profile, by_cloud: Mapping[str, Mapping[str, ColumnCounts]], level: float
) -> dict[str, dict[str, float]]:
    """The PSI over ``level`` of each odd cloud's columns."""
    odd: dict[str, dict[str, float]] = {}
    for name in next(iter(by_cloud.values()), {}):
        for cloud, distance in _odd(profile.by_name[name], {c: one[name] for c, one in by_cloud.items()}, level):
            odd.setdefault(cloud, {})[name] = distance
    return odd


def _odd(column: ColumnProfile, left: dict[str, ColumnCounts], level: float) -> list[tuple[str, float]]:
    shares = {cloud: grouped(column, one.bins, one.unseen, one.missing) for cloud, one in left.items()}
    reference = grouped(column, column.counts, 0, column.missing)
    found = []
    while len(shares) > 1:
        total = reduce(add, shares.values())
        distances = {cloud: round(psi(total - own, own), 9) for cloud, own in shares.items()}
        worst = max(sorted(shares), key=lambda cloud: (distances[cloud], psi(reference, shares[cloud])))
        if distances[worst] <= level:
            break
        found.append((worst, distances[worst]))
        del shares[worst]
    return found


def _sentence(what: str, columns: Mapping[str, float], level: float) -> str:
    furthest = sorted(columns.items(), key=lambda pair: -pair[1])[:NAMED]
    listed = ", ".join(f"{name} {distance:.2f}" for name, distance in furthest)
    return f"{what} than the other clouds: PSI over {level:g} in {listed}."
