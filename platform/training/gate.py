"""The quality gate: whether a candidate may become a version."""

import math
from dataclasses import dataclass

from intermodal.platform.errors import SpecError
from intermodal.platform.ports.registry import Servable, Slice, TrainingRecord
from intermodal.platform.spec import Gate
from intermodal.platform.spec.gate import METRICS


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


def judge_record(gate: Gate, record: TrainingRecord) -> GateVerdict:
    """The verdict on a training record, with its findings among the reasons. The figures of its metrics are
    ``<metric>``, ``baseline_<metric>``, ``champion_<metric>``, and ``compared_<metric>`` where champion and candidate
    are compared on other rows than all."""
    if gate.metric is None:
        return GateVerdict(True, ("Nothing is compared: gate.metric is null.", *record.findings))
    metric, metrics = gate.name, record.metrics
    if metric not in metrics:
        return GateVerdict(False, (f"The candidate was not measured by {gate.metric}: train again.",))
    verdict = judge(
        metric,
        metrics[metric],
        baseline=metrics.get(f"baseline_{metric}"),
        champion=metrics.get(f"champion_{metric}"),
        compared=metrics.get(f"compared_{metric}"),
        margin=gate.margin,
        sign=gate.sign,
    )
    worst = judge_worst(gate, record.slices[0] if record.slices else None)
    return GateVerdict(verdict.passed and worst.passed, (*verdict.reasons, *worst.reasons, *record.findings))


def judge_worst(gate: Gate, worst: Slice | None) -> GateVerdict:
    """Whether the worst slice is as good as ``gate.worst_slice``. None: no slice could be measured, which does not
    pass where there is a limit."""
    if gate.worst_slice is None:
        return GateVerdict(True, ())
    if worst is None:
        return GateVerdict(False, ("No slice could be measured, so gate.worst_slice is not known to hold.",))
    kept = gate.sign * (worst.figure - gate.worst_slice) >= 0
    which = f"a value of {worst.column}" if worst.value is None else f"{worst.column} '{worst.value}'"
    judged = "not worse" if kept else "worse"
    sentence = f"The worst slice, {which}, has {gate.name} {worst.figure:.4f}, {judged} than {gate.worst_slice:g}."
    return GateVerdict(kept, (sentence,))


def judge(
    metric: str,
    candidate: float,
    *,
    baseline: float | None,
    champion: float | None,
    compared: float | None = None,
    margin: float = 0.0,
    sign: int | None = None,
) -> GateVerdict:
    """Compare metrics of the same held-out rows. None means that there is no baseline or champion. ``compared`` is the
    candidate's figure on the champion's rows, None when they are all rows. ``sign`` is 1 if more is better, -1 if less
    is, and None for a metric that is built in.

    The candidate must beat the baseline by more than ``margin`` and must not fall below the champion by more than it.
    """
    sign = METRICS.get(metric) if sign is None else sign
    if sign is None:
        raise SpecError(f"Unknown metric '{metric}'.", hint=f"Known metrics: {', '.join(METRICS)}.")
    if not math.isfinite(candidate):
        return GateVerdict(False, (f"The candidate's {metric} is {candidate}, not a number.",))
    passed, reasons = True, []
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
