"""The quality gate: whether a candidate may become a version."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from intermodal.platform.errors import SpecError
from intermodal.platform.ports.registry import Servable, TrainingRecord

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


def judge_servable(trial: Servable | None) -> GateVerdict:
    """Whether the packaged server answered for the candidate. A candidate without a trial does not pass."""
    if trial is None:
        return GateVerdict(False, ("The packaged server was never tried on this candidate: train again.",))
    if trial.reasons:
        return GateVerdict(False, trial.reasons)
    return GateVerdict(True, (f"The packaged server started, and answered the golden rows and {trial.rows} others.",))


def judge_record(metric: str, record: TrainingRecord, margin: float) -> GateVerdict:
    """The verdict on a training record, with its findings among the reasons."""
    verdict = judge_metrics(metric, record.metrics, margin)
    return GateVerdict(verdict.passed, (*verdict.reasons, *record.findings))


def judge_metrics(metric: str, metrics: Mapping[str, float], margin: float) -> GateVerdict:
    """The verdict on a training record's metrics: ``<metric>``, ``baseline_<metric>``, ``champion_<metric>``, and
    ``compared_<metric>`` where champion and candidate are compared on other rows than all."""
    return judge(
        metric,
        metrics[metric],
        baseline=metrics.get(f"baseline_{metric}"),
        champion=metrics.get(f"champion_{metric}"),
        compared=metrics.get(f"compared_{metric}"),
        margin=margin,
    )


def judge(
    metric: str,
    candidate: float,
    *,
    baseline: float | None,
    champion: float | None,
    compared: float | None = None,
    margin: float = 0.0,
) -> GateVerdict:
    """Compare metrics of the same held-out rows. None means that there is no baseline or champion. ``compared`` is the
    candidate's figure on the champion's rows, None when they are all rows.

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
        own = candidate if compared is None else compared
        kept = sign * (own - champion) >= -margin
        passed &= kept
        reasons.append(f"{metric} {own:.4f} is {'not worse' if kept else 'worse'} than the champion's {champion:.4f}.")
    return GateVerdict(passed, tuple(reasons) or (f"{metric} {candidate:.4f}; nothing to compare with.",))
