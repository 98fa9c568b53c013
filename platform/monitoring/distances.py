"""Distances between two distributions that are counted in the same bins."""

from collections.abc import Sequence

import numpy as np

from intermodal.platform.training.profile import ColumnProfile

MAX_GROUPS = 20
"""Groups of a number's bins that PSI and JS compare. More groups make both noisier."""
RARE_CATEGORY_SHARE = 0.005
"""Categories with a smaller share of training form one group. Of 1,000 rows it has five (Cochran's rule)."""
MIN_BIN_SHARE = 1e-4
"""The smallest share of a bin in PSI. An empty bin counts as one row in 10,000."""


def groups_of(column: ColumnProfile) -> np.ndarray:
    """The group of each bin of the profile. Neighbouring bins of a number that together hold about 1/MAX_GROUPS of
    training are a group; each frequent category is one, and all rare categories together are one."""
    counts = np.array(column.counts, dtype=float)
    total = counts.sum()
    if column.is_text:
        frequent = counts > RARE_CATEGORY_SHARE * total
        return np.asarray(np.where(frequent, np.cumsum(frequent), 0))
    if not total:
        return np.zeros(counts.size, dtype=int)
    middle = (np.cumsum(counts) - counts / 2) / total
    return np.asarray(np.minimum((middle * MAX_GROUPS).astype(int), MAX_GROUPS - 1))


def psi(reference: np.ndarray, current: np.ndarray) -> float:
    """Population stability index of two arrays of counts, 0 and up: sum (q - p) ln(q / p). 0 when either is empty.

    Shares below FLOOR count as FLOOR, so that an empty bin gives a bounded figure that does not depend on how many rows
    there are. By chance alone n and m rows of one distribution in k bins differ by (k - 1)(1/n + 1/m) on average
    (Yurdakul, Statistical Properties of Population Stability Index, 2018); that much is subtracted, down to 0,
    so that levels such as 0.1 and 0.25 (Siddiqi, Credit Risk Scorecards, 2006) mean the same for all sample sizes.
    """
    n, m = reference.sum(), current.sum()
    if not n or not m:
        return 0.0
    p, q = np.maximum(reference / n, MIN_BIN_SHARE), np.maximum(current / m, MIN_BIN_SHARE)
    by_chance = (np.count_nonzero(reference + current) - 1) * (1 / n + 1 / m)
    return max(0.0, float(((q - p) * np.log(q / p)).sum() - by_chance))


def ks_distance(reference: np.ndarray, current: np.ndarray) -> float:
    """Kolmogorov-Smirnov distance, 0 to 1: how far the two cumulative shares lie apart at most, at the bins' edges.

    At most the largest share of one bin below the exact one. 0 when either is empty.
    """
    n, m = reference.sum(), current.sum()
    if not n or not m:
        return 0.0
    return min(1.0, float(np.abs(np.cumsum(reference) / n - np.cumsum(current) / m).max()))


def js_distance(reference: np.ndarray, current: np.ndarray) -> float:
    """Jensen-Shannon distance, 0 to 1: the root of the divergence in bits (Endres and Schindelin, 2003).

    0 when either is empty.
    """
    n, m = reference.sum(), current.sum()
    if not n or not m:
        return 0.0
    p, q = reference / n, current / m
    divergence = (_bits(p, (p + q) / 2) + _bits(q, (p + q) / 2)) / 2
    return float(np.sqrt(min(1.0, max(0.0, divergence))))


def _bits(p: np.ndarray, middle: np.ndarray) -> float:
    positive = p > 0
    return float((p[positive] * np.log2(p[positive] / middle[positive])).sum())


def grouped(column: ColumnProfile, bins: Sequence[int], unseen: int, missing: int) -> np.ndarray:
    """The counts of a column in the groups that are compared, then its unseen and its missing values."""
    groups = groups_of(column)
    merged = np.bincount(groups, weights=np.array(bins, dtype=float)) if len(groups) else np.array([])
    return np.append(merged, [unseen, missing])
