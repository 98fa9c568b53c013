"""The verdict on a new version: its own answers against those of the version before it, over the same minutes.

The evidence is read again and again while a step lasts, and a test for a fixed number of samples errs more often the
longer it is read. So the bounds are a confidence sequence, which holds for all readings together: the mixture
sequential probability ratio test (Johari, Pekelis and Walsh, "Always Valid Inference", 2015, arXiv:1512.04922).
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from intermodal.platform.ports.gateway import Tries

Outcome = Literal["pass", "fail", "inconclusive"]
ERROR_PROBABILITY = 0.01
"""Of a good version that fails, and of a bad one that passes, by each comparison in each step."""
SLOW_SHARE = 0.05
"""Answers above a 95th percentile."""
MIN_REFERENCE = 100
"""Answers of the old version from which a 95th percentile is read."""


@dataclass(frozen=True)
class Finding:
    """One comparison. ``old`` and ``new`` are shares of requests, 0 to 1; the difference lies between ``low`` and
    ``high`` (None: not known)."""

    name: str
    outcome: Outcome
    text: str
    old: float | None = None
    new: float | None = None
    low: float | None = None
    high: float | None = None


def verdict(findings: Iterable[Finding]) -> Outcome:
    """One failure fails; otherwise all must pass."""
    outcomes = {finding.outcome for finding in findings}
    if "fail" in outcomes:
        return "fail"
    return "pass" if outcomes == {"pass"} else "inconclusive"


def judge_traffic(new: Tries, min_requests: int) -> Finding:
    """Whether the new version got the requests that the policy demands."""
    enough = new.requests >= min_requests
    text = f"{new.requests:,} of {min_requests:,} requests"
    return Finding("traffic", "pass" if enough else "inconclusive", text)


def judge_errors(old: Tries, new: Tries, max_increase: float) -> Finding:
    """Fail when the new version's share of errors is higher by more than ``max_increase``, pass when it is not, each
    with an error probability of ERROR_PROBABILITY.

    Whatever is no prediction counts: both versions get the same mistakes of callers, so one that refuses more of them
    refuses what the other takes.
    """
    if not old.requests or not new.requests:
        return Finding("errors", "inconclusive", "a version without requests has no share of errors")
    before, after = old.without_prediction / old.requests, new.without_prediction / new.requests
    variance = _variance(old.without_prediction, old.requests) + _variance(new.without_prediction, new.requests)
    radius = bound(variance, max_increase)
    low, high = after - before - radius, after - before + radius
    text = (
        f"errors {before:.2%} → {after:.2%}, a difference of {low:+.2%} to {high:+.2%}; allowed is {max_increase:.2%}"
    )
    return Finding("errors", _outcome(low, high, max_increase), text, before, after, low, high)


def judge_latency(old: Tries, new: Tries, max_increase: float) -> Finding:
    """Whether 95 of 100 answers of the new version come within the old one's 95th percentile and ``max_increase`` of it
    more. The limit is the next upper bound of the latency buckets."""
    limit = slow_limit(old, max_increase)
    answered = max(new.within.values(), default=0)
    if limit is None or not answered:
        return Finding("p95", "inconclusive", f"fewer than {MIN_REFERENCE} answers of the old version to compare with")
    slow = answered - max((count for upper, count in new.within.items() if upper <= limit), default=0)
    share, radius = slow / answered, bound(_variance(slow, answered), SLOW_SHARE)
    low, high = share - radius, share + radius
    text = f"{share:.1%} of answers ({max(low, 0):.1%} to {high:.1%}) take over {limit / 1000:,.4g} ms; allowed is 5%"
    return Finding("p95", _outcome(low, high, SLOW_SHARE), text, None, share, low, high)


def slow_limit(old: Tries, max_increase: float) -> float | None:
    """The bound, in microseconds, up to which an answer is not slower than allowed. None with too few answers."""
    bounds = sorted(old.within)
    answered = old.within[bounds[-1]] if bounds else 0
    if answered < MIN_REFERENCE:
        return None
    percentile = next(each for each in bounds if old.within[each] >= (1 - SLOW_SHARE) * answered)
    return next((each for each in bounds if each >= percentile * (1 + max_increase)), bounds[-1])


def bound(variance: float, scale: float) -> float:
    """Half the width of the confidence sequence around an estimate of this variance.

    ``scale`` is the standard deviation of the normal mixture: differences of about this size are found soonest.
    """
    spread = scale**2
    total = variance + spread
    return math.sqrt(variance * total / spread * (2 * math.log(1 / ERROR_PROBABILITY) + math.log(total / variance)))


def _outcome(low: float, high: float, allowed: float) -> Outcome:
    if low > allowed:
        return "fail"
    return "pass" if high <= allowed else "inconclusive"


def _variance(count: int, total: int) -> float:
    """Of a share. One success and one failure are added, so that a share of 0 has a variance (Agresti and Coull)."""
    share = (count + 1) / (total + 2)
    return share * (1 - share) / (total + 2)
