"""Which target takes over from which, and where traffic goes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intermodal.platform.ports.incidents import Entry, Incident, incident_id
from intermodal.platform.resilience.failover_plan import (
    baseline_replicas,
    contained,
    current_round,
    desired_replicas,
    successor,
    surge_replicas,
    weights_without,
)
from intermodal.platform.spec import ModelSpec
from intermodal.platform.targets import Target
from tests.platform.target_sets import failures, spec_on
from tests.targets import AWS, AWS_EU, AZURE, EKS, GCP, TARGETS

GKE = Target("gcp", "gke")
Failures = tuple[ModelSpec, frozenset[Target], frozenset[Target]]


def spec(**fields: Any) -> ModelSpec:
    return spec_on(list(TARGETS), **fields)


def test_successor_follows_the_order_as_a_ring() -> None:
    turned = spec(failover={"order": ["azure", "gcp", "aws"]})
    assert turned.failover_order == (AZURE, GCP, AWS)
    assert successor(turned, AWS, {AWS}) == AZURE
    assert successor(turned, AZURE, {AZURE, GCP}) == AWS
    assert successor(turned, AWS, set(TARGETS)) is None
    assert successor(turned, AWS, {AWS}, exhausted={AZURE}) == GCP


def test_successor_prefers_another_cloud_then_another_site() -> None:
    wide = spec_on([AWS, EKS, AWS_EU, GCP])
    assert successor(wide, AWS, {AWS}) == GCP
    assert successor(wide, AWS, {AWS}, exhausted={GCP}) == AWS_EU
    assert successor(wide, AWS, {AWS}, exhausted={GCP, AWS_EU}) == EKS
    assert successor(wide, AWS, {AWS, GCP}) == AWS_EU
    assert successor(wide, AWS_EU, {AWS_EU, GCP}) == AWS  # the ring begins again behind the last
    assert successor(spec_on([AWS, EKS]), AWS, {AWS}) == EKS


def test_successor_avoids_every_unavailable_site() -> None:
    wide = spec_on([AWS, GCP, GKE, AZURE])
    assert successor(wide, AWS, {AWS, GCP}) == AZURE
    assert successor(wide, GCP, {AWS, GCP}) == AZURE
    assert successor(wide, GCP, {AWS, GCP, AZURE}) == GKE


def test_replicas_of_a_cold_target_are_those_it_takes_over() -> None:
    cold = spec(replicas=3, failover={"cold": ["gcp"]})
    assert desired_replicas(cold) == {AWS: 3, GCP: 0, AZURE: 3}
    assert desired_replicas(cold, {AWS}) == {GCP: 3, AZURE: 3}
    assert surge_replicas(cold, {AWS}) == {GCP: 3}
    assert desired_replicas(cold, {GCP}) == {AWS: 3, AZURE: 3}
    assert desired_replicas(cold, {AWS}, exhausted={GCP}) == {GCP: 0, AZURE: 6}


def test_replicas_of_a_lost_site_go_to_other_sites() -> None:
    wide = spec_on([AWS, EKS, AWS_EU, GCP], replicas=2, failover={"cold": ["aws@eu-west-1"]})
    assert desired_replicas(wide, {AWS, EKS}) == {AWS_EU: 0, GCP: 6}
    assert desired_replicas(wide, {AWS, EKS}, exhausted={GCP}) == {AWS_EU: 4, GCP: 2}


@given(failures())
def test_replicas_of_warm_targets_are_kept_while_a_target_can_take_them(drawn: Failures) -> None:
    spec, unavailable, exhausted = drawn
    runs = desired_replicas(spec, unavailable, exhausted)
    assert set(runs) == set(spec.targets) - unavailable
    whole = sum(baseline_replicas(spec, target) for target in spec.targets)
    assert whole == spec.replicas * (len(spec.targets) - len(spec.cold_targets))
    if set(runs) - exhausted:
        assert sum(runs.values()) == whole
    else:
        assert runs == {target: baseline_replicas(spec, target) for target in runs}
    assert all(runs[target] == baseline_replicas(spec, target) for target in set(runs) & exhausted)
    surge = surge_replicas(spec, unavailable, exhausted)
    assert surge == {target: n for target, n in runs.items() if n > baseline_replicas(spec, target)}


@given(failures(), st.data())
def test_weights_are_above_zero_and_only_over_serving(drawn: Failures, data: st.DataObject) -> None:
    spec, unavailable, exhausted = drawn
    available = sorted(set(spec.targets) - unavailable)
    if not available:
        return
    serving = data.draw(st.sets(st.sampled_from(available), min_size=1))
    weights = weights_without(spec, unavailable, serving, exhausted)
    assert set(weights) == serving
    assert list(weights) == [target for target in spec.failover_order if target in serving]
    assert sum(weights.values()) > 0
    assert min(weights.values()) >= 0


@given(failures())
def test_weights_of_all_that_runs_keep_every_stated_share(drawn: Failures) -> None:
    spec, unavailable, exhausted = drawn
    runs = [target for target, count in desired_replicas(spec, unavailable, exhausted).items() if count]
    if spec.route.policy != "weighted" or not set(runs) - exhausted:
        return
    weights = weights_without(spec, unavailable, runs, exhausted)
    stated = spec.weights
    if any(stated.values()):
        taken = sum(stated.get(target, 0) for target in runs)
        moved = sum(
            stated.get(target, 0)
            for target in unavailable
            if (heir := successor(spec, target, unavailable, exhausted)) is not None and heir in runs
        )
        assert sum(weights.values()) in (taken + moved, 100)


def test_stated_weights_go_to_the_successor_and_are_never_all_zero() -> None:
    stated = spec(route={"policy": "weighted", "weights": {"aws": 3, "gcp": 1}})
    assert weights_without(stated, (), TARGETS) == {AWS: 3, GCP: 1, AZURE: 0}
    assert weights_without(stated, {AWS}, [GCP, AZURE]) == {GCP: 4, AZURE: 0}
    assert weights_without(stated, {GCP}, [AWS, AZURE]) == {AWS: 3, AZURE: 1}
    assert weights_without(stated, {AWS, GCP}, [AZURE]) == {AZURE: 4}


def test_even_weights_follow_the_replicas() -> None:
    assert weights_without(spec(), (), TARGETS) == {AWS: 34, GCP: 33, AZURE: 33}
    assert weights_without(spec(replicas=3), {AWS}, [GCP, AZURE]) == {GCP: 67, AZURE: 33}
    assert weights_without(spec(), {AWS}, [GCP, AZURE], exhausted={GCP}) == {GCP: 34, AZURE: 66}
    assert weights_without(spec(failover={"cold": ["gcp"]}), {AWS}, [GCP, AZURE]) == {GCP: 50, AZURE: 50}
    stated = spec(route={"policy": "weighted", "weights": {"aws": 60, "gcp": 20, "azure": 20}})
    assert weights_without(stated, {AWS}, [GCP, AZURE], exhausted={GCP}) == {GCP: 20, AZURE: 80}


def test_weights_before_any_takeover_are_spread_as_before() -> None:
    assert weights_without(spec(), {AWS}, [GCP, AZURE], exhausted=TARGETS) == {GCP: 50, AZURE: 50}
    stated = spec(route={"policy": "weighted", "weights": {"aws": 3, "gcp": 1, "azure": 2}})
    assert weights_without(stated, {AWS}, [GCP, AZURE], exhausted=TARGETS) == {GCP: 1, AZURE: 2}
    alone = spec(route={"policy": "weighted", "weights": {"aws": 1}})
    assert weights_without(alone, {AWS}, [GCP, AZURE], exhausted=TARGETS) == {GCP: 50, AZURE: 50}


def noted(*steps: tuple[Any, str]) -> Incident:
    entries = tuple(Entry(2.0, step, key, "") for step, key in steps)
    return Incident(incident_id("m", AWS, 1.0), "m", AWS, 1.0, entries)


@pytest.mark.parametrize(
    ("steps", "unavailable", "done"),
    [
        ([], {AWS}, False),
        ([("drained", "0"), ("capacity", "0")], {AWS}, False),
        ([("drained", "0"), ("capacity", "0"), ("notified", "down")], {AWS}, True),
        ([("notified", "down")], {AWS}, False),
        ([("notified", "down")], set(TARGETS), True),
        ([("drained", "0"), ("capacity", "0"), ("notified", "down"), ("note", "again-1")], {AWS}, False),
    ],
)
def test_contained_needs_every_step(steps: list[tuple[Any, str]], unavailable: set[Target], done: bool) -> None:
    assert contained(noted(*steps), spec(), unavailable) is done


def test_round_counts_failures_during_recovery() -> None:
    assert current_round(noted(("detected", "0"))) == 0
    assert current_round(noted(("detected", "0"), ("note", "again-1"), ("note", "again-2"))) == 2
