"""Which cloud is asked by another population than the others, or predicts otherwise."""

from functools import reduce
from operator import add

from intermodal.platform.monitoring.counts import Counts, count
from intermodal.platform.monitoring.divergence import between
from intermodal.platform.monitoring.drift import compare, judge
from tests.platform.monitoring.drift_rows import COLUMNS, POLICY, PROFILE, some


def clouds(**shifts: float) -> dict[str, Counts]:
    return {cloud: count(PROFILE, *some(1500, k, shift), COLUMNS) for k, (cloud, shift) in enumerate(shifts.items(), 1)}


def test_clouds_that_see_the_same_are_no_finding_even_when_all_have_drifted() -> None:
    assert between(PROFILE, clouds(aws=0, gcp=0, azure=0), POLICY) == ()
    assert between(PROFILE, clouds(aws=3, gcp=3, azure=3), POLICY) == ()


def test_only_the_odd_cloud_is_named() -> None:
    (finding,) = between(PROFILE, clouds(aws=0, gcp=4, azure=0), POLICY)
    assert finding.cloud == "gcp"
    assert set(finding.columns) == {"x"}
    assert finding.text.startswith("gcp sees another population than the other clouds: PSI over 0.25 in x ")


def saying(**moved: float) -> dict[str, Counts]:
    """Clouds that are asked the same and add so much to what they predict."""
    asked = {cloud: (*some(1500, k), more) for k, (cloud, more) in enumerate(moved.items(), 1)}
    return {cloud: count(PROFILE, rows, said + more, COLUMNS) for cloud, (rows, said, more) in asked.items()}


def test_a_cloud_that_predicts_otherwise_is_named_though_it_is_asked_the_same() -> None:
    (finding,) = between(PROFILE, saying(aws=0, gcp=0.2, azure=0), POLICY)
    assert (finding.cloud, set(finding.columns)) == ("gcp", {"prediction_0"})
    assert finding.text.startswith("gcp predicts otherwise than the other clouds: PSI over 0.25 in prediction_0 ")
    assert between(PROFILE, saying(aws=0.2, gcp=0.2, azure=0.2), POLICY) == ()


def test_predictions_have_a_level_of_their_own() -> None:
    (finding,) = between(PROFILE, saying(aws=0, gcp=0.2, azure=0), POLICY)
    patient = POLICY.model_copy(update={"prediction_psi": finding.columns["prediction_0"] + 0.01})
    assert between(PROFILE, saying(aws=0, gcp=0.2, azure=0), patient) == ()
    blind_to_inputs = POLICY.model_copy(update={"psi": 99.0})
    assert between(PROFILE, saying(aws=0, gcp=0.2, azure=0), blind_to_inputs) == (finding,)


def test_a_cloud_that_is_asked_and_predicts_otherwise_is_one_finding_of_two_sentences() -> None:
    rows, said = some(1500, 2, 4)
    odd = {"gcp": count(PROFILE, rows, said + 0.2, COLUMNS)}
    (finding,) = between(PROFILE, clouds(aws=0, azure=0) | odd, POLICY)
    assert set(finding.columns) == {"x", "prediction_0"}
    assert finding.text.count("gcp sees another population") == finding.text.count("gcp predicts otherwise") == 1


def test_of_two_that_differ_the_one_further_from_training_is_named() -> None:
    assert [one.cloud for one in between(PROFILE, clouds(aws=2, gcp=0), POLICY)] == ["aws"]
    assert [one.cloud for one in between(PROFILE, clouds(aws=0, gcp=2), POLICY)] == ["gcp"]


def test_a_cloud_with_few_requests_and_one_alone_are_not_compared() -> None:
    few = {"gcp": count(PROFILE, *some(50, 9, shift=5), COLUMNS)}
    assert between(PROFILE, clouds(aws=0, azure=0) | few, POLICY) == ()
    assert between(PROFILE, clouds(aws=5), POLICY) == ()
    assert between(PROFILE, {}, POLICY) == ()


def test_the_clouds_together_are_their_sum() -> None:
    parts = clouds(aws=0, gcp=0, azure=0)
    whole = compare(PROFILE, reduce(add, parts.values()))
    assert whole.rows == 4500
    assert judge(whole, POLICY).state == "none"
