"""The gate's metric for the candidate, the baseline and the champion, on the same held-out rows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from intermodal.platform.errors import IntermodalError, Lost, SpecError, Unavailable
from intermodal.platform.ports.registry import ModelRegistry, RegisteredVersion, TrainingRecord
from intermodal.platform.spec import ModelSpec
from intermodal.platform.training.estimators import Target
from intermodal.platform.training.estimators import guesses as guesses_of
from intermodal.platform.training.fit import Fitted
from intermodal.platform.training.metrics import BY_LABEL, BY_PROBABILITY, as_texts, score, score_common

MAX_NAMED = 5


@dataclass(frozen=True)
class Measured:
    """``figures`` are the metrics of a training record; ``findings`` say what they leave out, and why."""

    figures: Mapping[str, float]
    findings: tuple[str, ...] = ()


@dataclass(frozen=True)
class HeldOut:
    """The held-out partition as people write it, its inputs and their true values."""

    partition: str
    rows: pd.DataFrame
    truth: Target


def truth_of(spec: ModelSpec, table: pd.DataFrame) -> Target:
    """The column that ``features.target`` names, or a table of its columns."""
    target: Target = table[spec.features.target]
    return target


def measure(metric: str, fitted: Fitted, heldout: HeldOut) -> Measured:
    """The candidate's own figure. Classes that it does not know, and classes that the partition lacks, are findings."""
    try:
        predictions = fitted.score_inputs(heldout.rows)
    except SpecError as error:
        raise SpecError(
            f"The fitted estimator cannot predict the rows of {heldout.partition}. {error.message}",
            hint=f"{error.hint} That partition may have values that the window has not, such as missing ones.".strip(),
        ) from error
    figures = {metric: score(metric, heldout.truth, predictions, fitted.task, fitted.classes)}
    if fitted.task == "regression":
        return Measured(figures)
    known, present = as_texts(fitted.classes), as_texts(heldout.truth)
    partition, findings = heldout.partition, []
    if new := sorted(set(present) - set(known)):
        count = sum(label in new for label in present)
        effect = "left out of" if metric in BY_PROBABILITY else "counted as wrong in"
        findings.append(
            f"{partition} has {count} rows of {_named(new)}, which the training window has not; they are {effect} "
            f"{metric}."
        )
    if absent := sorted(set(known) - set(present)):
        findings.append(f"{partition} has no row of {_named(absent)}, so {metric} says nothing about it.")
    if len(set(present) & set(known)) < 2 and metric in BY_PROBABILITY:
        findings.append(
            f"{metric} needs rows of at least 2 classes that the candidate knows; hold out another partition."
        )
    return Measured(figures, tuple(findings))


def measure_baseline(
    spec: ModelSpec,
    baseline: Callable[..., Any],
    fitted: Fitted,
    window: tuple[pd.DataFrame, Target],
    heldout: HeldOut,
) -> Measured:
    """The figure of ``gate.better_than``. SpecError when it raises or gives another shape than the model's output."""
    metric: str = spec.gate.metric
    guesses = guesses_of(spec, baseline, window, heldout.rows, fitted.task, fitted.classes)
    return Measured({f"baseline_{metric}": score(metric, heldout.truth, guesses, fitted.task, fitted.classes)})


def measure_champion(
    spec: ModelSpec, registry: ModelRegistry, champion: RegisteredVersion, fitted: Fitted, heldout: HeldOut
) -> Measured:
    """The champion's figure, by its own classes. A champion that cannot answer these rows is a finding: it answers no
    caller that sends such rows either. Unavailable when the registry does not answer.

    accuracy and f1_macro compare predicted labels, so class sets may differ. roc_auc and log_loss compare
    probabilities, so both models are measured on the classes that both know: ``compared_<metric>`` is the candidate's
    figure there.
    """
    metric: str = spec.gate.metric
    record, version = champion.candidate.record, f"The champion {champion.version}"
    not_compared = f"so it is not compared on {heldout.partition}"
    if record.task != fitted.task and "regression" in (record.task, fitted.task):
        return Measured(
            {}, (f"{version} is a {record.task} model and the candidate a {fitted.task} one, {not_compared}.",)
        )
    try:
        predict = registry.predictor(champion.candidate)
        guesses = _scored(np.asarray(predict(heldout.rows), dtype=float), record, heldout)
    except Unavailable:
        raise
    except IntermodalError as error:
        # What refuses a row may quote its values, and findings are kept with the version.
        quotes = spec.features.sensitive and not isinstance(error, Lost)
        return Measured({}, (f"{version} cannot answer, {not_compared}. {'' if quotes else error.message}".strip(),))
    if not np.isfinite(guesses).all():
        return Measured({}, (f"{version} gives predictions that are not finite numbers, {not_compared}.",))
    if fitted.task == "regression":
        return Measured({f"champion_{metric}": score(metric, heldout.truth, guesses, fitted.task)})
    return _compared_classes(metric, version, record, guesses, fitted, heldout)


def _scored(found: np.ndarray, record: TrainingRecord, heldout: HeldOut) -> np.ndarray:
    """The champion's predictions that the metric compares, as of ``Fitted.score_inputs``."""
    targets = heldout.truth.shape[1] if isinstance(heldout.truth, pd.DataFrame) else 1
    width = max(targets, record.signature.output.width)
    if found.ndim == 1:
        return found
    return found[:, 0] if width == 1 else found[:, :width]


def _compared_classes(
    metric: str, version: str, record: TrainingRecord, guesses: np.ndarray, fitted: Fitted, heldout: HeldOut
) -> Measured:
    """``guesses`` are the champion's. Either may have two classes where the other has more."""
    own, theirs = as_texts(fitted.classes), as_texts(record.signature.output.labels)
    if set(own) == set(theirs):
        return Measured({f"champion_{metric}": score(metric, heldout.truth, guesses, fitted.task, theirs)})
    differ = f"{version} knows the classes {_named(theirs)}; the candidate knows {_named(own)}."
    if metric in BY_LABEL:
        figure = score(metric, heldout.truth, guesses, record.task, theirs)
        return Measured({f"champion_{metric}": figure}, (f"{differ} They are compared by predicted label.",))
    if metric not in BY_PROBABILITY:
        return Measured({}, (f"{differ} They are not compared: {metric} has a number for each of two classes.",))
    common = [label for label in own if label in theirs]
    rows = np.isin(as_texts(heldout.truth), common)
    if len(set(common) & set(as_texts(heldout.truth))) < 2:
        few = f"{heldout.partition} has fewer than 2 classes of both"
        return Measured({}, (f"{differ} {few}: they are not compared.",))
    truth = heldout.truth[rows]
    candidate = score_common(metric, truth, fitted.score_inputs(heldout.rows)[rows], own, common)
    champion = score_common(metric, truth, guesses[rows], theirs, common)
    return Measured(
        {f"champion_{metric}": champion, f"compared_{metric}": candidate},
        (f"{differ} They are compared on the {int(rows.sum())} rows of {_named(common)}.",),
    )


def _named(labels: Sequence[str]) -> str:
    quoted = [f"'{label}'" for label in labels]
    more = len(quoted) - MAX_NAMED
    return ", ".join(quoted[:MAX_NAMED]) + (f" and {more} more" if more > 0 else "")
