"""Percentiles of a distribution of Cloud Monitoring, which has counts in buckets instead of values.

https://cloud.google.com/monitoring/api/ref_v3/rest/v3/TypedValue#Distribution
"""

from collections.abc import Sequence
from typing import Any


def percentile(distribution: dict[str, Any], share: float) -> float | None:
    """The value below which ``share`` (0 to 1) of the population lies, for values that cannot be negative.

    Interpolated linearly within its bucket, as Cloud Monitoring does, so as exact as the bucket is narrow. A value
    beyond the last bound counts as that bound, which it is at least. None without a population.
    """
    counts = [int(count) for count in distribution.get("bucketCounts", [])]
    if not sum(counts):
        return None
    bounds = _bounds(distribution["bucketOptions"])
    rank, passed = share * sum(counts), 0
    for bucket, count in enumerate(counts):
        if count and passed + count >= rank:
            low = bounds[bucket - 1] if bucket else 0.0
            high = bounds[bucket] if bucket < len(bounds) else low
            return max(low, 0.0) + (max(high, 0.0) - max(low, 0.0)) * (rank - passed) / count
        passed += count
    raise AssertionError("the last bucket reaches every rank")


def _bounds(options: dict[str, Any]) -> Sequence[float]:
    """The bounds between buckets: the first bucket lies below the first bound, the last above the last."""
    if explicit := options.get("explicitBuckets"):
        return [float(bound) for bound in explicit["bounds"]]
    if linear := options.get("linearBuckets"):
        offset, width = float(linear.get("offset", 0)), float(linear["width"])
        return [offset + width * index for index in range(linear["numFiniteBuckets"] + 1)]
    exponential = options["exponentialBuckets"]
    scale, growth = float(exponential["scale"]), float(exponential["growthFactor"])
    return [scale * growth**index for index in range(exponential["numFiniteBuckets"] + 1)]
