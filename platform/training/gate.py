"""The quality gate: whether a candidate may become a version."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from intermodal.platform.errors import SpecError

METRICS: Mapping[str, int] = {
    "roc_auc": 1,
    "accuracy": 1,
    "f1_macro": 1,
    "r2": 1,
    "log_loss": -1,
    "rmse": -1,
    "mae": -1,
}
"""The metrics that a gate can use: 1 if higher is better, -1 if lower is."""


@dataclass(frozen=True)
class GateVerdict:
    """Whether a candidate passed. ``reasons`` has a sentence for each comparison, passed or not."""

    passed: bool
    reasons: tuple[str, ...]


def judge_metrics(metric: str, metrics: Mapping[str, float], margin: float) -> GateVerdict:
    """The verdict on a training record's metrics: ``<metric>``, ``baseline_<metric>`` and ``champion_<metric>``."""
    baseline, champion = metrics.get(f"baseline_{metric}"), metrics.get(f"champion_{metric}")
    return judge(metric, metrics[metric], baseline=baseline, champion=champion, margin=margin)


def judge(
    metric: str, candidate: float, *, baseline: float | None, champion: float | None, margin: float = 0.0
) -> GateVerdict:
    """Compare metrics of the same held-out rows. None means that there is no baseline or champion.

    The candidate must beat the baseline by more than ``margin`` and must not fall below the champion by more than it.
    """
    if metric not in METRICS:
        raise SpecError(f"Unknown metric '{metric}'.", hint=f"Known metrics: {', '.join(METRICS)}.")
    if not math.isfinite(candidate):
        return GateVerdict(False, (f"The candidate's {metric} is {candidate}, not a number.",))
    sign, passed, reasons = METRICS[metric], True, []
    if baseline is not None:
        better = sign * (candidate - baseline) > margin
        passed &= better
        reasons.append(
            f"{metric} {candidate:.4f} {'beats' if better else 'does not beat'} the baseline's {baseline:.4f}."
        )
    if champion is not None:
        kept = sign * (candidate - champion) >= -margin
        passed &= kept
        reasons.append(
            f"{metric} {candidate:.4f} is {'not worse' if kept else 'worse'} than the champion's {champion:.4f}."
        )
    return GateVerdict(passed, tuple(reasons) or (f"{metric} {candidate:.4f}; nothing to compare with.",))
