"""A spec's targets: several per cloud and region, shares by cloud, site and target, and names that it refuses."""

from math import isclose
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from intermodal.platform.resilience.failover_plan import desired_replicas, successor, weights_without
from intermodal.platform.spec import ModelSpec
from intermodal.platform.targets import Site, Target, select, sites_of
from tests.platform.target_sets import spec_on, targets_of_clouds
from tests.targets import AWS, AWS_EU, AZURE, EKS, GCP

WIDE = [AWS, EKS, AWS_EU, GCP]


def wide(**fields: Any) -> ModelSpec:
    return spec_on(WIDE, **fields)


def weighted(weights: dict[str, int]) -> dict[str, Any]:
    return {"policy": "weighted", "weights": weights}


def test_targets_of_a_spec_are_in_the_order_of_serve() -> None:
    assert wide().targets == tuple(WIDE)
    assert wide().sites == (Site("aws"), Site("aws", "eu-west-1"), Site("gcp"))
    assert spec_on([]).targets == ()


@pytest.mark.parametrize(
    ("stated", "weights"),
    [
        ({"aws": 60, "gcp": 40}, {AWS: 60, EKS: 60, AWS_EU: 60, GCP: 120}),
        ({"aws@default": 50, "aws@eu-west-1": 30, "gcp": 20}, {AWS: 50, EKS: 50, AWS_EU: 60, GCP: 40}),
        ({"aws/sagemaker": 7, "gcp/cloud-run": 3}, {AWS: 7, GCP: 3}),
        ({"aws/sagemaker@eu-west-1": 1}, {AWS_EU: 1}),
        ({"aws/eks": 0, "gcp": 1}, {EKS: 0, GCP: 1}),
    ],
)
def test_weights_of_a_group_are_split_evenly(stated: dict[str, int], weights: dict[Target, int]) -> None:
    assert wide(route=weighted(stated)).weights == weights


@given(targets_of_clouds(), st.data())
def test_weights_of_clouds_keep_their_proportions(targets: list[Target], data: st.DataObject) -> None:
    clouds = sorted({target.cloud for target in targets})
    stated = {cloud: data.draw(st.integers(0, 100)) for cloud in clouds}
    if not any(stated.values()):
        stated[clouds[0]] = 1
    weights = spec_on(targets, route=weighted(stated)).weights
    whole = sum(weights.values())
    assert all(isinstance(weight, int) for weight in weights.values())
    for cloud in clouds:
        group = [weights[target] for target in select(cloud, targets)]
        assert len(set(group)) == 1
        assert isclose(sum(group) / whole, stated[cloud] / sum(stated.values()))


@given(targets_of_clouds(), st.data())
def test_order_by_clouds_or_sites_names_every_target_once(targets: list[Target], data: st.DataObject) -> None:
    by_cloud = data.draw(st.booleans())
    names = [f"{site.cloud}@{site.region or 'default'}" for site in sites_of(targets)]
    groups = sorted({target.cloud for target in targets}) if by_cloud else names
    order = data.draw(st.permutations(groups))
    spec = spec_on(targets, failover={"order": order})
    assert sorted(spec.failover_order) == sorted(targets)
    assert [target for name in order for target in targets if target in select(name, targets)] == list(
        spec.failover_order
    )


def test_order_and_cold_take_clouds_sites_and_targets() -> None:
    spec = wide(failover={"order": ["gcp", "aws@eu-west-1", "aws/eks", "aws/sagemaker"], "cold": ["aws@default"]})
    assert spec.failover_order == (GCP, AWS_EU, EKS, AWS)
    assert spec.cold_targets == {AWS, EKS}
    assert wide(failover={"cold": ["aws"]}).cold_targets == {AWS, EKS, AWS_EU}
    assert wide(failover={"cold": ["aws/eks"]}).cold_targets == {EKS}


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"serve": ["aws"]}, "serve: 'aws' is not a target"),
        ({"serve": ["aws/sagemaker", "aws/sagemaker@default"]}, "serve names aws/sagemaker twice: leave it there once"),
        ({"route": weighted({"azure": 1})}, "route.weights names azure, which serve does not"),
        ({"route": weighted({"gcp@eu-1": 1})}, "route.weights names gcp@eu-1, which serve does not"),
        ({"route": weighted({"aws": 1, "aws/eks": 1})}, "route.weights names aws/eks twice: give one share for it"),
        ({"route": weighted({"aws/": 1})}, "route.weights: 'aws/' is not a target"),
        ({"failover": {"order": ["aws"]}}, "failover.order must name every target of serve, once"),
        ({"failover": {"order": ["aws", "gcp", "gcp"]}}, "failover.order must name every target of serve, once"),
        ({"failover": {"order": ["aws", "oracle"]}}, "failover.order names oracle, which serve does not"),
        ({"failover": {"cold": ["aws@"]}}, "failover.cold: 'aws@' is not a site"),
        ({"failover": {"cold": ["azure/ml"]}}, "failover.cold names azure/ml, which serve does not"),
        ({"failover": {"cold": ["aws", "gcp"]}}, "failover.cold names every target: leave at least one that serves"),
        (
            {"failover": {"cold": ["gcp"]}, "route": weighted({"aws": 1, "gcp": 1})},
            "failover.cold names gcp/cloud-run, which has a weight: give it none",
        ),
    ],
)
def test_wrong_names_are_refused_with_a_sentence(fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ModelSpec.model_validate({**wide().model_dump(), **fields})
    assert sentence in str(caught.value)


def test_names_are_checked_when_serve_is_spelled_out() -> None:
    later = spec_on([], route=weighted({"aws": 1, "azure": 1}))
    assert later.serving_on([AWS, AZURE]).weights == {AWS: 1, AZURE: 1}
    with pytest.raises(ValidationError, match=r"route\.weights names azure, which serve does not"):
        later.serving_on([AWS, GCP])


def spec_of(**fields: Any) -> ModelSpec:
    return ModelSpec.model_validate({**spec_on([]).model_dump(), **fields})


README = """
serve: [aws/sagemaker, gcp/cloud-run, azure/ml]
route: {policy: weighted, weights: {aws: 60, gcp: 40, azure: 0}}
failover: {order: [aws, azure, gcp], cold: [azure]}
"""
"""What specs stated when a cloud was the unit of serving."""


def test_spec_of_clouds_keeps_its_plan() -> None:
    spec = spec_of(**yaml.safe_load(README))
    assert spec.weights == {AWS: 60, GCP: 40, AZURE: 0}
    assert spec.failover_order == (AWS, AZURE, GCP)
    assert spec.cold_targets == {AZURE}
    assert desired_replicas(spec) == {AWS: 1, AZURE: 0, GCP: 1}
    assert successor(spec, AWS, {AWS}) == AZURE
    assert desired_replicas(spec, {AWS}) == {AZURE: 1, GCP: 1}
    assert weights_without(spec, {AWS}, [AZURE, GCP]) == {AZURE: 60, GCP: 40}
    assert weights_without(spec, {GCP}, [AWS]) == {AWS: 100}


def test_spec_of_a_shipped_model_keeps_its_plan() -> None:
    spec = spec_of(serve=["aws/sagemaker", "gcp/cloud-run", "azure/ml"], route={"policy": "even"})
    assert spec.targets == (AWS, GCP, AZURE)
    assert weights_without(spec, (), spec.targets) == {AWS: 34, GCP: 33, AZURE: 33}
    assert [successor(spec, target, {target}) for target in spec.targets] == [GCP, AZURE, AWS]
