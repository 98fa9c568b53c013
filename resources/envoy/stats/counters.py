"""From Envoy's cumulative counters to figures: what was counted, and what came between two readings."""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING

from intermodal.platform.ports.gateway import Totals, Tries
from intermodal.platform.ports.metrics import Figures
from intermodal.platform.targets import Target, parse_target

if TYPE_CHECKING:
    from prometheus_client.samples import Sample

TRIES, TIMES = "envoy_intermodal_tries_total", "envoy_intermodal_tries_time_us_bucket"
ANSWERS = "envoy_intermodal_answers_total"
Key = tuple[str, Target, str]
"""Model, target, version."""


def of(samples: "Iterable[Sample]") -> dict[Key, Tries]:
    codes: dict[Key, dict[str, int]] = {}
    within: dict[Key, dict[float, int]] = {}
    for sample in samples:
        labels = sample.labels
        # A request for an upstream that was removed just now has no labels, and what an Envoy counted that was started
        # by a release before targets has no target.
        if sample.name not in (TRIES, TIMES) or not labels.get("target"):
            continue
        key = labels["model"], parse_target(labels["target"]), labels["version"]
        if sample.name == TRIES:
            codes.setdefault(key, {})[labels["code"]] = int(sample.value)
        else:
            within.setdefault(key, {})[float(labels["le"])] = int(sample.value)
    return {key: Tries(codes.get(key, {}), within.get(key, {})) for key in dict.fromkeys([*codes, *within])}


def figures(key: Key, counted: Tries, seconds: float) -> Figures:
    """A row of figures over the ``seconds`` in which this was counted; at least one try must have been."""
    model, target, version = key
    p50, p95, p99 = (quantile_ms(counted.within, share) for share in (0.5, 0.95, 0.99))
    return Figures(
        source="gateway",
        model=model,
        target=target,
        version=version,
        requests=counted.requests / seconds,
        error_rate=counted.failed / counted.requests,
        throttled=counted.codes.get("429", 0) / counted.requests,
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
    )


def quantile_ms(within: Mapping[float, int], share: float) -> float | None:
    """A quantile by linear interpolation in its bucket, as Prometheus' histogram_quantile does; None without a value.

    ``within`` is cumulative, by upper bound in microseconds. What is over the last finite bound counts as that bound.
    """
    bounds = sorted(within)
    if not bounds or within[bounds[-1]] <= 0:
        return None
    rank = share * within[bounds[-1]]
    for (low, below), (high, upto) in pairwise([(0.0, 0), *((bound, within[bound]) for bound in bounds)]):
        if upto >= rank and upto > below:
            return (low if high == float("inf") else low + (high - low) * (rank - below) / (upto - below)) / 1000
    return None


def totals(samples: "Iterable[Sample]") -> Mapping[str, Totals]:
    """By model; what names no served model is left out."""
    found: dict[str, Totals] = {}
    for sample in samples:
        if sample.name != ANSWERS or not (model := sample.labels["model"]):
            continue
        count, code, before = int(sample.value), sample.labels["code"], found.get(model, Totals())
        bad = code == "0" or code.startswith("5")
        found[model] = Totals(
            before.requests + count,
            before.failed + (count if bad else 0),
            before.retried + (count if not bad and int(sample.labels["tries"]) > 1 else 0),
        )
    return found
