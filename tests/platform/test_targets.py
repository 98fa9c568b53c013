"""Targets, sites and what a name selects."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intermodal.platform.errors import SpecError
from intermodal.platform.ports.endpoints import endpoint_name
from intermodal.platform.ports.incidents import incident_id
from intermodal.platform.targets import Site, Target, parse_site, parse_target, select, sites_of
from tests.platform.target_sets import EVERY_TARGET, targets_of_clouds
from tests.targets import AWS, AWS_EU, AZURE, EKS, GCP

parts = st.from_regex(r"[a-z0-9]{1,5}(-[a-z0-9]{1,5}){0,2}", fullmatch=True)
regions = st.just("") | parts.filter(lambda region: region != "default")
any_target = st.builds(Target, parts, parts, regions)
any_site = st.builds(Site, parts, regions)


@given(any_target)
def test_target_comes_back_from_its_text(target: Target) -> None:
    assert parse_target(str(target)) == target


@given(any_site)
def test_site_comes_back_from_its_text(site: Site) -> None:
    assert parse_site(str(site)) == site


def test_default_region_is_the_one_without_a_name() -> None:
    assert parse_target("aws/sagemaker@default") == AWS
    assert parse_site("aws@default") == Site("aws")
    assert str(parse_site("aws@default")) == "aws"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "aws",
        "aws/",
        "/sagemaker",
        "aws/sage maker",
        "AWS/sagemaker",
        "aws/sagemaker@",
        "aws/a/b",
        "aws/a.b",
        "aws/a\n",
    ],
)
def test_target_of_other_text_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(SpecError, match="is not a target") as caught:
        parse_target(text)
    assert caught.value.hint == "Write cloud/kind or cloud/kind@region: aws/sagemaker."


@pytest.mark.parametrize("text", ["", "aws/sagemaker", "aws@", "@eu", "aws@eu@west", "aws\n"])
def test_site_of_other_text_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(SpecError, match="is not a site"):
        parse_site(text)


@given(st.text() | st.from_regex(r"[a-z]+/[a-z.\-@\n]*", fullmatch=True))
def test_target_of_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        target = parse_target(text)
    except SpecError:
        return
    assert "\n" not in str(target)
    assert str(target) in (text, text.removesuffix("@default"))


@given(any_target, any_target)
def test_dotted_names_of_different_targets_differ(first: Target, other: Target) -> None:
    assert (first.dotted == other.dotted) == (first == other)
    assert not set(first.dotted) & set("/@")


# Few characters, so that names which differ little are tried.
few = st.from_regex(r"[a1](-?[a1]){0,3}", fullmatch=True)
MODELS = st.from_regex(r"a[a1_]{0,4}", fullmatch=True) | st.from_regex(r"[a-z][a-z0-9_]{0,47}", fullmatch=True)
ONSETS = st.integers(0, 12) | st.integers(0, 2**33)
events = st.tuples(MODELS, st.builds(Target, few, few, few | st.just("")), ONSETS)


@given(events, events)
def test_incident_ids_of_different_events_differ(
    first: tuple[str, Target, int], other: tuple[str, Target, int]
) -> None:
    assert (incident_id(*first) == incident_id(*other)) == (first == other)


VERSIONS = st.tuples(*[st.integers(0, 12)] * 3).map(lambda numbers: ".".join(map(str, numbers)))
deployments = st.tuples(MODELS, VERSIONS, st.sampled_from(["sandbox", "staging", "production"]))


@given(deployments, deployments)
def test_endpoint_names_of_different_versions_differ(first: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    assert (endpoint_name(*first) == endpoint_name(*other)) == (first == other)


@given(targets_of_clouds())
def test_select_of_a_cloud_is_the_union_of_its_sites(targets: list[Target]) -> None:
    for cloud in {target.cloud for target in targets}:
        sites = [site for site in sites_of(targets) if site.cloud == cloud]
        named = [f"{site.cloud}@{site.region or 'default'}" for site in sites]
        assert set(select(cloud, targets)) == {target for name in named for target in select(name, targets)}


@given(targets_of_clouds())
def test_select_of_a_site_is_the_union_of_its_targets(targets: list[Target]) -> None:
    for site in sites_of(targets):
        chosen = select(f"{site.cloud}@{site.region or 'default'}", targets)
        assert chosen == tuple(target for target in targets if target.site == site)
        assert set(chosen) == {member for target in chosen for member in select(str(target), targets)}


@given(targets_of_clouds(), st.sampled_from(EVERY_TARGET))
def test_select_of_a_target_is_that_target_or_nothing(targets: list[Target], target: Target) -> None:
    assert select(str(target), targets) == ((target,) if target in targets else ())


def test_select_keeps_the_order_and_names_a_default_region() -> None:
    known = (GCP, EKS, AWS_EU, AWS, AZURE)
    assert select("aws", known) == (EKS, AWS_EU, AWS)
    assert select("aws@default", known) == (EKS, AWS)
    assert select("aws@eu-west-1", known) == (AWS_EU,)
    assert select("oracle", known) == select("aws@us-1", known) == ()
    assert sites_of(known) == (Site("gcp"), Site("aws"), Site("aws", "eu-west-1"), Site("azure"))


@pytest.mark.parametrize("text", ["aws/", "aws@", "/x", "@x"])
def test_select_of_a_malformed_name_is_refused(text: str) -> None:
    with pytest.raises(SpecError):
        select(text, [AWS])
