"""Routes, weights and the order of failover."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intermodal.platform.deployment.routing import even_weights, policy_weights
from intermodal.platform.errors import SpecError
from intermodal.platform.ports.gateway import Route
from intermodal.platform.targets import CLOUDS

some_clouds = st.sets(st.sampled_from(CLOUDS), min_size=1)


def route(**weights: int) -> Route:
    return Route("m", "1.0.0", weights, {}, "{}")  # type: ignore[arg-type]


def test_the_order_is_a_ring_that_starts_with_the_first_choice() -> None:
    assert route(aws=1, gcp=1, azure=1).failover_order("gcp") == ("gcp", "azure", "aws")


def test_a_drained_cloud_is_tried_after_all_that_serve() -> None:
    assert route(aws=50, gcp=0, azure=50).failover_order("aws") == ("aws", "azure", "gcp")
    assert route(aws=0, gcp=1, azure=0).failover_order("gcp") == ("gcp", "aws", "azure")


@pytest.mark.parametrize("weights", [{}, {"aws": 0}, {"aws": 0, "gcp": 0}, {"aws": -1, "gcp": 2}])
def test_a_route_that_leads_nowhere_is_refused(weights: dict[str, int]) -> None:
    with pytest.raises(SpecError):
        route(**weights)


@given(some_clouds)
def test_even_shares_add_up_and_differ_by_at_most_one(clouds: set[str]) -> None:
    weights = even_weights(clouds)  # type: ignore[arg-type]
    assert sum(weights.values()) == 100
    assert set(weights) == clouds
    assert max(weights.values()) - min(weights.values()) <= 1


@given(some_clouds)
def test_every_order_holds_every_serving_cloud_once(clouds: set[str]) -> None:
    chosen = route(**dict.fromkeys(clouds, 1))
    for cloud in chosen.serving:
        assert sorted(chosen.failover_order(cloud)) == sorted(clouds)


def test_a_cloud_left_out_of_stated_weights_gets_none() -> None:
    assert policy_weights("weighted", ["aws", "gcp"], {"gcp": 3}) == {"aws": 0, "gcp": 3}


def test_an_unknown_policy_lists_the_known_ones() -> None:
    with pytest.raises(SpecError, match="even, weighted"):
        policy_weights("random", ["aws"], {})
