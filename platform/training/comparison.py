"""The gate's metric for the candidate, the baseline and the champion, on the same held-out rows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from intermodal.platform.errors import IntermodalError, Lost, SpecError, Unavailable
from intermodal.platform.ports.registry import ModelRegistry, RegisteredVersion
from intermodal.platform.spec import ModelSpec
from intermodal.platform.training.baseline import guesses as guesses_of
from intermodal.platform.training.estimators import Target
from intermodal.platform.training.fit import Fitted
from intermodal.platform.training.metric import Metric, Predicted
from intermodal.platform.training.metrics import BY_LABEL, BY_PROBABILITY, as_texts, score_common

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
    """The column that ``features.target`` names, or a table of its columns. None for an unsupervised model."""
    return None if spec.features.target is None else table[spec.features.target]


def predicted(fitted: Fitted, heldout: HeldOut) -> Predicted:
    """The candidate's predictions. SpecError if it cannot predict these rows."""
    try:
        numbers = fitted.predict(heldout.rows)
    except SpecError as error:
        raise SpecError(
            f"The fitted estimator cannot predict the rows of {heldout.partition}. {error.message}",
            hint=f"{error.hint} That partition may have values that the window has not, such as missing ones.".strip(),
        ) from error
    return Predicted(numbers, fitted.task, fitted.signature.outputs, fitted.classes)


def measure(metric: Metric, candidate: Predicted, heldout: HeldOut) -> Measured:
    """The candidate's own figure. Classes that it does not know, and classes that the partition lacks, are findings."""
    name = metric.name
    figures = {name: metric.value(candidate, heldout.truth, heldout.rows)}
    if candidate.task == "regression":
        return Measured(figures)
    known, present = as_texts(candidate.classes), as_texts(heldout.truth)
    partition, findings = heldout.partition, []
    if new := sorted(set(present) - set(known)):
        count = sum(label in new for label in present)
        effect = "left out of" if name in BY_PROBABILITY else "counted as wrong in"
        effect = f"they are {effect} {name}" if metric.call is None else f"no prediction is right for them in {name}"
        findings.append(f"{partition} has {count} rows of {quoted(new)}, which the training window has not; {effect}.")
    if absent := sorted(set(known) - set(present)):
        findings.append(f"{partition} has no row of {quoted(absent)}, so {name} says nothing about it.")
    if metric.call is None and len(set(present) & set(known)) < 2 and name in BY_PROBABILITY:
        findings.append(
            f"{name} needs rows of at least 2 classes that the candidate knows; hold out another partition."
        )
    return Measured(figures, tuple(findings))


def measure_baseline(
    spec: ModelSpec,
    metric: Metric,
    baseline: Callable[..., Any],
    candidate: Predicted,
    window: tuple[pd.DataFrame, Target],
    heldout: HeldOut,
) -> Measured:
    """The figure of ``gate.better_than``. SpecError when it raises or gives another shape than the model's output."""
    task, classes, outputs = candidate.task, candidate.classes, candidate.outputs
    guesses = guesses_of(spec, baseline, window, heldout.rows, task, classes, outputs)
    figure = metric.value(Predicted(guesses, task, outputs, classes), heldout.truth, heldout.rows)
    return Measured({f"baseline_{metric.name}": figure})


def measure_champion(
    spec: ModelSpec,
    metric: Metric,
    registry: ModelRegistry,
    champion: RegisteredVersion,
    candidate: Predicted,
    heldout: HeldOut,
) -> Measured:
    """The champion's figure, by its own classes. A champion that cannot answer these rows is a finding: it answers no
    caller that sends such rows either. Unavailable when the registry does not answer.

    accuracy and f1_macro compare predicted labels, so class sets may differ. roc_auc and log_loss compare
    probabilities, so both models are measured on the classes that both know: ``compared_<metric>`` is the candidate's
    figure there. A metric function knows outputs by their columns, so theirs must be the same.
    """
    record, version = champion.candidate.record, f"The champion {champion.version}"
    not_compared = f"so it is not compared on {heldout.partition}"
    if record.task != candidate.task and "regression" in (record.task, candidate.task):
        return Measured(
            {}, (f"{version} is a {record.task} model and the candidate a {candidate.task} one, {not_compared}.",)
        )
    try:
        predict = registry.predictor(champion.candidate)
        numbers = np.asarray(predict(heldout.rows), dtype=float)
    except Unavailable:
        raise
    except IntermodalError as error:
        # What refuses a row may quote its values, and findings are kept with the version.
        quotes = spec.features.sensitive and not isinstance(error, Lost)
        return Measured({}, (f"{version} cannot answer, {not_compared}. {'' if quotes else error.message}".strip(),))
    theirs = Predicted(numbers, record.task, record.signature.outputs, as_texts(record.signature.output.labels))
    if not np.isfinite(numbers if metric.call else theirs.scored(heldout.truth)).all():
        return Measured({}, (f"{version} gives predictions that are not finite numbers, {not_compared}.",))
    if metric.call and (differ := _outputs_differ(theirs, candidate)):
        return Measured({}, (f"{version} {differ}, {not_compared} by {metric.name}.",))
    if candidate.task == "regression" or metric.call:
        return Measured({f"champion_{metric.name}": metric.value(theirs, heldout.truth, heldout.rows)})
    return _compared_classes(metric, version, theirs, candidate, heldout)


def _outputs_differ(theirs: Predicted, own: Predicted) -> str:
    """How the champion's outputs are others than the candidate's. '' if they are the same."""
    champion, candidate = (
        [f"{o.name} {[*o.shape]}" for o in model.outputs if not o.is_label] for model in (theirs, own)
    )
    if champion != candidate:
        return f"gives {', '.join(champion)} and the candidate {', '.join(candidate)}"
    known, labels = as_texts(theirs.classes), as_texts(own.classes)
    return f"knows the classes {quoted(known)} and the candidate {quoted(labels)}" if known != labels else ""


def _compared_classes(metric: Metric, version: str, theirs: Predicted, own: Predicted, heldout: HeldOut) -> Measured:
    """By a metric that is built in. Either may have two classes where the other has more."""
    name, known, labels = metric.name, list(theirs.classes), as_texts(own.classes)
    assert heldout.truth is not None
    if set(labels) == set(known):
        return Measured({f"champion_{name}": metric.value(theirs, heldout.truth, heldout.rows)})
    differ = f"{version} knows the classes {quoted(known)}; the candidate knows {quoted(labels)}."
    if name in BY_LABEL:
        figure = metric.value(theirs, heldout.truth, heldout.rows)
        return Measured({f"champion_{name}": figure}, (f"{differ} They are compared by predicted label.",))
    if name not in BY_PROBABILITY:
        return Measured({}, (f"{differ} They are not compared: {name} has a number for each of two classes.",))
    common = [label for label in labels if label in known]
    rows = np.isin(as_texts(heldout.truth), common)
    if len(set(common) & set(as_texts(heldout.truth))) < 2:
        few = f"{heldout.partition} has fewer than 2 classes of both"
        return Measured({}, (f"{differ} {few}: they are not compared.",))
    truth = heldout.truth[rows]
    candidate = score_common(name, truth, own.scored(truth)[rows], labels, common)
    champion = score_common(name, truth, theirs.scored(truth)[rows], known, common)
    return Measured(
        {f"champion_{name}": champion, f"compared_{name}": candidate},
        (f"{differ} They are compared on the {int(rows.sum())} rows of {quoted(common)}.",),
    )


def quoted(labels: Sequence[str]) -> str:
    """At most MAX_NAMED texts in quotes, and the count of the others."""
    texts = [f"'{label}'" for label in labels]
    more = len(texts) - MAX_NAMED
    return ", ".join(texts[:MAX_NAMED]) + (f" and {more} more" if more > 0 else "")
