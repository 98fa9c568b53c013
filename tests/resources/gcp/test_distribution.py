"""Percentiles out of buckets, against those of the values that went in."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intermodal.resources.gcp.distribution import percentile
from intermodal.sandbox.gcp.time_series import GROWTH, SCALE, distribution


def test_percentile_empty_distribution_is_none() -> None:
    assert percentile({}, 0.5) is None
    assert percentile({"count": "0", "bucketCounts": []}, 0.5) is None


@pytest.mark.parametrize(
    "options",
    [
        {"explicitBuckets": {"bounds": [10, 20, 40]}},
        {"linearBuckets": {"numFiniteBuckets": 2, "width": 10, "offset": 10}},
        {"exponentialBuckets": {"numFiniteBuckets": 2, "growthFactor": 2, "scale": 10}},
    ],
)
def test_percentile_each_bucket_kind_is_read(options: dict[str, Any]) -> None:
    counts = {"bucketOptions": options, "bucketCounts": ["0", "4"]}
    assert percentile(counts, 0.5) == pytest.approx(15)
    assert percentile({"bucketOptions": options, "bucketCounts": ["2", "0"]}, 0.5) == pytest.approx(5)
    last = 30 if "linearBuckets" in options else 40
    assert percentile({"bucketOptions": options, "bucketCounts": ["0", "0", "0", "1"]}, 0.99) == last


@given(st.lists(st.floats(0, 60_000), min_size=1, max_size=200), st.sampled_from([0.5, 0.95, 0.99]))
def test_percentile_lies_in_the_bucket_of_the_exact_one(values: list[float], share: float) -> None:
    true = sorted(values)[-(-len(values) * round(share * 100) // 100) - 1]
    found = percentile(distribution(values), share)
    assert found is not None
    assert true / GROWTH - SCALE <= found <= true * GROWTH + SCALE
