"""Who takes over from whom, and where traffic goes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intermodal.platform.ports.incidents import Entry, Incident
from intermodal.platform.resilience.failover_plan import (
    base,
    contained,
    current_round,
    heir_of,
    helpers,
    order_of,
    shares,
    wanted,
)
from intermodal.platform.spec import ModelSpec
from intermodal.platform.targets import CLOUDS, Cloud

TARGETS = {"aws": "aws/sagemaker", "gcp": "gcp/cloud-run", "azure": "azure/ml"}


def spec(**fields: Any) -> ModelSpec:
    return ModelSpec.model_validate(
        {
            "name": "m",
            "owner": "team:t",
            "data": {"function": "d.f", "partitions": {"monthly": {"start": "2013-01"}}},
            "features": {"function": "d.g", "target": "late"},
            "train": {"function": "t.f"},
            "gate": {"metric": "roc_auc"},
            **fields,
        }
    )


def test_the_order_is_a_ring() -> None:
    assert order_of(spec()) == CLOUDS
    turned = spec(failover={"order": ["azure", "gcp", "aws"]})
    assert heir_of(turned, "aws", {"aws"}) == "azure"
    assert heir_of(turned, "azure", {"azure", "gcp"}) == "aws"
    assert heir_of(turned, "aws", set(CLOUDS)) is None


def test_a_cold_cloud_runs_only_what_it_takes_over() -> None:
    cold = spec(replicas=3, failover={"cold": ["gcp"]})
    assert wanted(cold) == {"aws": 3, "gcp": 0, "azure": 3}
    assert wanted(cold, {"aws"}) == {"gcp": 3, "azure": 3}
    assert helpers(cold, {"aws"}) == {"gcp": 3}
    assert wanted(cold, {"gcp"}) == {"aws": 3, "azure": 3}
    assert wanted(cold, {"aws"}, unable={"gcp"}) == {"gcp": 0, "azure": 6}


specs = st.builds(
    lambda serve, replicas, order, cold: spec(
        serve=[TARGETS[c] for c in serve],
        replicas=replicas,
        failover={"order": order and sorted(serve, reverse=True), "cold": list(serve)[: min(cold, len(serve) - 1)]},
    ),
    st.permutations(CLOUDS).flatmap(lambda clouds: st.integers(1, 3).map(lambda n: clouds[:n])),
    st.integers(1, 5),
    st.sampled_from([[], ["x"]]),
    st.integers(0, 2),
)


@given(specs, st.sets(st.sampled_from(CLOUDS)))
def test_nothing_is_lost_while_somebody_lives(one: ModelSpec, down: set[Cloud]) -> None:
    runs = wanted(one, down)
    assert set(runs) == set(order_of(one)) - down
    if runs:
        assert sum(runs.values()) == sum(base(one, cloud) for cloud in order_of(one))
        assert any(runs.values())
        weights = shares(one, down, [cloud for cloud in runs if runs[cloud]])
        assert not set(weights) & down
        assert sum(weights.values()) > 0


def test_stated_weights_go_to_the_heir_and_are_never_all_zero() -> None:
    stated = spec(route={"policy": "weighted", "weights": {"aws": 3, "gcp": 1}})
    assert shares(stated, (), CLOUDS) == {"aws": 3, "gcp": 1, "azure": 0}
    assert shares(stated, {"aws"}, ["gcp", "azure"]) == {"gcp": 4, "azure": 0}
    assert shares(stated, {"gcp"}, ["aws", "azure"]) == {"aws": 3, "azure": 1}
    assert shares(stated, {"aws", "gcp"}, ["azure"]) == {"azure": 4}


def test_traffic_goes_where_the_replicas_went() -> None:
    assert shares(spec(), (), CLOUDS) == {"aws": 34, "gcp": 33, "azure": 33}
    assert shares(spec(replicas=3), {"aws"}, ["gcp", "azure"]) == {"gcp": 67, "azure": 33}
    assert shares(spec(), {"aws"}, ["gcp", "azure"], unable={"gcp"}) == {"gcp": 34, "azure": 66}
    assert shares(spec(failover={"cold": ["gcp"]}), {"aws"}, ["gcp", "azure"]) == {"gcp": 50, "azure": 50}
    stated = spec(route={"policy": "weighted", "weights": {"aws": 60, "gcp": 20, "azure": 20}})
    assert shares(stated, {"aws"}, ["gcp", "azure"], unable={"gcp"}) == {"gcp": 20, "azure": 80}


def test_before_anybody_took_over_traffic_is_spread_as_it_was() -> None:
    assert shares(spec(), {"aws"}, ["gcp", "azure"], unable=CLOUDS) == {"gcp": 50, "azure": 50}
    stated = spec(route={"policy": "weighted", "weights": {"aws": 3, "gcp": 1, "azure": 2}})
    assert shares(stated, {"aws"}, ["gcp", "azure"], unable=CLOUDS) == {"gcp": 1, "azure": 2}
    alone = spec(route={"policy": "weighted", "weights": {"aws": 1}})
    assert shares(alone, {"aws"}, ["gcp", "azure"], unable=CLOUDS) == {"gcp": 50, "azure": 50}


def noted(*steps: tuple[Any, str]) -> Incident:
    return Incident("m-aws-1", "m", "aws", 1.0, tuple(Entry(2.0, step, key, "") for step, key in steps))


@pytest.mark.parametrize(
    ("steps", "down", "done"),
    [
        ([], {"aws"}, False),
        ([("drained", "0"), ("capacity", "0")], {"aws"}, False),
        ([("drained", "0"), ("capacity", "0"), ("told", "down")], {"aws"}, True),
        ([("told", "down")], {"aws"}, False),
        ([("told", "down")], set(CLOUDS), True),
        ([("drained", "0"), ("capacity", "0"), ("told", "down"), ("note", "again-1")], {"aws"}, False),
    ],
)
def test_contained(steps: list[tuple[Any, str]], down: set[Cloud], done: bool) -> None:
    assert contained(noted(*steps), spec(), down) is done


def test_a_cloud_that_fails_again_begins_a_round() -> None:
    assert current_round(noted(("detected", "0"))) == 0
    assert current_round(noted(("detected", "0"), ("note", "again-1"), ("note", "again-2"))) == 2
