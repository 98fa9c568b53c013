"""All that the gate compares: candidate, slices, baseline and champion on the same held-out rows."""

from collections.abc import Callable
from typing import Any

import pandas as pd

from intermodal.platform.errors import Lost
from intermodal.platform.ports.registry import ModelRegistry, Slice
from intermodal.platform.spec import ModelSpec
from intermodal.platform.training.comparison import HeldOut, Measured, measure, measure_baseline, measure_champion
from intermodal.platform.training.estimators import Target
from intermodal.platform.training.metric import Metric, Predicted
from intermodal.platform.training.slices import measure_slices


def measure_all(
    spec: ModelSpec,
    metric: Metric | None,
    baseline: Callable[..., Any] | None,
    registry: ModelRegistry,
    candidate: Predicted,
    window: tuple[pd.DataFrame, Target],
    heldout: HeldOut,
) -> tuple[Measured, tuple[Slice, ...]]:
    """The gate's metric for the candidate, its slices, the baseline and the champion, on the same held-out rows.

    A champion that the registry has lost is not compared with: training is the way out.
    """
    if metric is None:
        return Measured({}), ()
    sliced, slices = measure_slices(spec, metric, candidate, heldout)
    parts = [measure(metric, candidate, heldout), sliced]
    if baseline is not None:
        parts.append(measure_baseline(spec, metric, baseline, candidate, window, heldout))
    try:
        champion = registry.champion(spec.name) if spec.gate.not_worse_than == "champion" else None
    except Lost as error:
        parts.append(Measured({}, (f"The candidate is not compared with the champion. {error}",)))
    else:
        if champion is not None:
            parts.append(measure_champion(spec, metric, registry, champion, candidate, heldout))
    figures = {name: figure for part in parts for name, figure in part.figures.items()}
    return Measured(figures, tuple(finding for part in parts for finding in part.findings)), slices
