"""Targets that get another population of requests than the others, or predict differently."""

from functools import reduce
from operator import add

from intermodal.platform.monitoring.counts import RowCounts, count
from intermodal.platform.monitoring.divergence import divergent_targets
from intermodal.platform.monitoring.drift import compare, judge
from tests.platform.monitoring.drift_rows import COLUMNS, POLICY, PROFILE, some


def seeing(**shifts: float) -> dict[str, RowCounts]:
    return {
        target: count(PROFILE, *some(1500, k, shift), COLUMNS) for k, (target, shift) in enumerate(shifts.items(), 1)
    }


def test_divergent_targets_of_equal_drift_are_none() -> None:
    assert divergent_targets(PROFILE, seeing(aws=0, gcp=0, azure=0), POLICY) == ()
    assert divergent_targets(PROFILE, seeing(aws=3, gcp=3, azure=3), POLICY) == ()


def test_divergent_targets_name_only_the_divergent_one() -> None:
    (finding,) = divergent_targets(PROFILE, seeing(aws=0, gcp=4, azure=0), POLICY)
    assert finding.target == "gcp"
    assert set(finding.columns) == {"x"}
    assert finding.text.startswith(
        "gcp gets another population of requests than the other targets: PSI over 0.25 in x "
    )


def predicting(**moved: float) -> dict[str, RowCounts]:
    """Targets that see the same and add so much to what they predict."""
    rows_of = {target: (*some(1500, k), more) for k, (target, more) in enumerate(moved.items(), 1)}
    return {target: count(PROFILE, rows, outputs + more, COLUMNS) for target, (rows, outputs, more) in rows_of.items()}


def test_divergent_targets_include_one_with_other_predictions() -> None:
    (finding,) = divergent_targets(PROFILE, predicting(aws=0, gcp=0.2, azure=0), POLICY)
    assert (finding.target, set(finding.columns)) == ("gcp", {"prediction_0"})
    assert finding.text.startswith("gcp predicts differently than the other targets: PSI over 0.25 in prediction_0 ")
    assert divergent_targets(PROFILE, predicting(aws=0.2, gcp=0.2, azure=0.2), POLICY) == ()


def test_divergent_targets_use_the_level_of_predictions() -> None:
    (finding,) = divergent_targets(PROFILE, predicting(aws=0, gcp=0.2, azure=0), POLICY)
    patient = POLICY.model_copy(update={"prediction_psi": finding.columns["prediction_0"] + 0.01})
    assert divergent_targets(PROFILE, predicting(aws=0, gcp=0.2, azure=0), patient) == ()
    blind_to_inputs = POLICY.model_copy(update={"psi": 99.0})
    assert divergent_targets(PROFILE, predicting(aws=0, gcp=0.2, azure=0), blind_to_inputs) == (finding,)


def test_divergent_targets_in_both_have_two_sentences() -> None:
    rows, outputs = some(1500, 2, 4)
    odd = {"gcp": count(PROFILE, rows, outputs + 0.2, COLUMNS)}
    (finding,) = divergent_targets(PROFILE, seeing(aws=0, azure=0) | odd, POLICY)
    assert set(finding.columns) == {"x", "prediction_0"}
    assert finding.text.count("gcp gets another population") == finding.text.count("gcp predicts differently") == 1


def test_divergent_targets_of_two_name_the_further_from_training() -> None:
    assert [finding.target for finding in divergent_targets(PROFILE, seeing(aws=2, gcp=0), POLICY)] == ["aws"]
    assert [finding.target for finding in divergent_targets(PROFILE, seeing(aws=0, gcp=2), POLICY)] == ["gcp"]


def test_divergent_targets_need_rows_and_another_target() -> None:
    few = {"gcp": count(PROFILE, *some(50, 9, shift=5), COLUMNS)}
    assert divergent_targets(PROFILE, seeing(aws=0, azure=0) | few, POLICY) == ()
    assert divergent_targets(PROFILE, seeing(aws=5), POLICY) == ()
    assert divergent_targets(PROFILE, {}, POLICY) == ()


def test_counts_of_all_targets_are_their_sum() -> None:
    parts = seeing(aws=0, gcp=0, azure=0)
    whole = compare(PROFILE, reduce(add, parts.values()))
    assert whole.rows == 4500
    assert judge(whole, POLICY).state == "none"
