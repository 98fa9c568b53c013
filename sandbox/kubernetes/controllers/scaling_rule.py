"""How many replicas an autoscaler wants, by the formula of
https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#algorithm-details"""

import math
from collections.abc import Sequence

TOLERANCE = 0.1
GROWTH, LEAST_GROWTH = 2, 4
"""By the default policy: at most double, or 4 more, in a step."""


def desired(replicas: int, usage: float, target: float) -> int:
    """``ceil(replicas * usage / target)``; the same number within the tolerance."""
    ratio = usage / target
    return replicas if abs(ratio - 1) <= TOLERANCE else math.ceil(replicas * ratio)


def bounded(replicas: int, wanted: int, least: int, most: int) -> int:
    grown = max(GROWTH * replicas, replicas + LEAST_GROWTH)
    return max(least, min(most, wanted, grown))


def stabilised(wanted: int, replicas: int, earlier: Sequence[int]) -> int:
    """Down only to the most that was wanted within the window; up at once."""
    return wanted if wanted >= replicas else min(replicas, max([wanted, *earlier]))
