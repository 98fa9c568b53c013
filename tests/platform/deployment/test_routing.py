"""Routes, weights and the order of failover."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intermodal.platform.deployment.routing import even_weights, policy_weights, weights_by_replicas
from intermodal.platform.errors import SpecError
from intermodal.platform.ports.gateway import Route
from intermodal.platform.targets import Target
from tests.platform.target_sets import targets_of_clouds
from tests.targets import AWS, AWS_EU, AZURE, EKS, GCP


def route(weights: Mapping[Target, int]) -> Route:
    return Route("m", "1.0.0", weights, {}, "{}")


def test_order_is_a_ring_that_starts_with_the_first_choice() -> None:
    assert route({AWS: 1, GCP: 1, AZURE: 1}).failover_order(GCP) == (GCP, AZURE, AWS)


def test_order_has_a_drained_target_after_all_that_serve() -> None:
    assert route({AWS: 50, GCP: 0, AZURE: 50}).failover_order(AWS) == (AWS, AZURE, GCP)
    assert route({AWS: 0, GCP: 1, AZURE: 0}).failover_order(GCP) == (GCP, AWS, AZURE)


def test_order_prefers_another_cloud_then_another_site() -> None:
    whole = route({AWS: 1, EKS: 1, AWS_EU: 1, GCP: 1})
    assert whole.failover_order(AWS) == (AWS, GCP, AWS_EU, EKS)
    assert whole.failover_order(AWS_EU) == (AWS_EU, GCP, AWS, EKS)
    assert whole.failover_order(GCP) == (GCP, AWS, EKS, AWS_EU)


@pytest.mark.parametrize("weights", [{}, {AWS: 0}, {AWS: 0, GCP: 0}, {AWS: -1, GCP: 2}])
def test_route_without_a_serving_target_is_refused(weights: dict[Target, int]) -> None:
    with pytest.raises(SpecError):
        route(weights)


@given(targets_of_clouds())
def test_even_weights_add_up_and_differ_by_at_most_one(targets: list[Target]) -> None:
    weights = even_weights(targets)
    assert sum(weights.values()) == 100
    assert list(weights) == targets
    assert max(weights.values()) - min(weights.values()) <= 1


@given(targets_of_clouds(), st.data())
def test_weights_by_replicas_are_in_proportion(targets: list[Target], data: st.DataObject) -> None:
    replicas = {target: data.draw(st.integers(0, 9)) for target in targets}
    total = sum(replicas.values())
    if not total:
        with pytest.raises(SpecError):
            weights_by_replicas(replicas)
        return
    weights = weights_by_replicas(replicas)
    assert sum(weights.values()) == 100
    assert all(abs(weights[target] - 100 * count / total) <= 1 for target, count in replicas.items())


@given(targets_of_clouds(), st.data())
def test_order_is_a_permutation_with_the_chosen_first(targets: list[Target], data: st.DataObject) -> None:
    weights = {target: data.draw(st.integers(0, 2)) for target in targets}
    if not any(weights.values()):
        weights[targets[0]] = 1
    chosen = route(weights)
    for first in chosen.serving:
        order = chosen.failover_order(first)
        assert order[0] == first
        assert sorted(order) == sorted(targets)
        serving = len(chosen.serving)
        assert set(order[:serving]) == set(chosen.serving)
        domains = [(other.site == first.site, other.cloud == first.cloud) for other in order[1:serving]]
        assert domains == sorted(domains)


def test_policy_weights_of_an_unstated_target_are_zero() -> None:
    assert policy_weights("weighted", [AWS, GCP], {GCP: 3}) == {AWS: 0, GCP: 3}


def test_policy_weights_of_an_unknown_policy_list_the_known() -> None:
    with pytest.raises(SpecError, match="even, weighted"):
        policy_weights("random", [AWS], {})
