"""From Envoy's cumulative counters to figures: what was counted, and what came between two readings."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from intermodal.platform.ports.gateway import Totals
from intermodal.platform.ports.metrics import Figures
from intermodal.platform.targets import Target, parse_target

if TYPE_CHECKING:
    from prometheus_client.samples import Sample

TRIES, TIMES = "envoy_intermodal_tries_total", "envoy_intermodal_tries_time_us_bucket"
ANSWERS = "envoy_intermodal_answers_total"
Key = tuple[str, Target, str]
"""Model, target, version."""


@dataclass
class Counted:
    """Tries by status ("0": no answer), and of the answered ones how many took at most so many microseconds."""

    codes: dict[str, int] = field(default_factory=dict)
    within: dict[float, int] = field(default_factory=dict)

    @property
    def tries(self) -> int:
        return sum(self.codes.values())

    def since(self, earlier: "Counted") -> "Counted":
        """What came after ``earlier``; all of it when a count is lower now, since Envoy was then started anew."""
        if any(self.codes.get(code, 0) < count for code, count in earlier.codes.items()):
            return self
        return Counted(
            {code: count - earlier.codes.get(code, 0) for code, count in self.codes.items()},
            {bound: count - earlier.within.get(bound, 0) for bound, count in self.within.items()},
        )


def of(samples: "Iterable[Sample]") -> dict[Key, Counted]:
    found: dict[Key, Counted] = {}
    for sample in samples:
        labels = sample.labels
        # A request for an upstream that was removed just now has no labels, and what an Envoy counted that was started
        # by a release before targets has no target.
        if sample.name not in (TRIES, TIMES) or not labels.get("target"):
            continue
        key = labels["model"], parse_target(labels["target"]), labels["version"]
        counted = found.setdefault(key, Counted())
        if sample.name == TRIES:
            counted.codes[labels["code"]] = int(sample.value)
        else:
            counted.within[float(labels["le"])] = int(sample.value)
    return found


def figures(key: Key, counted: Counted, seconds: float) -> Figures:
    """A row of figures over the ``seconds`` in which this was counted; at least one try must have been."""
    model, target, version = key
    bad = sum(count for code, count in counted.codes.items() if code == "0" or code.startswith("5"))
    p50, p95, p99 = (quantile_ms(counted.within, share) for share in (0.5, 0.95, 0.99))
    return Figures(
        source="gateway",
        model=model,
        target=target,
        version=version,
        requests=counted.tries / seconds,
        error_rate=bad / counted.tries,
        throttled=counted.codes.get("429", 0) / counted.tries,
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
