"""Names that every cloud accepts, tags, and secrets that stay secret."""

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intermodal.platform.ports.endpoints import (
    NAME_LIMIT,
    AwsSignature,
    BearerToken,
    DeployRequest,
    Upstream,
    _read,
    endpoint_name,
)
from tests.targets import AWS, AZURE

ACCEPTED = re.compile(r"[a-z]([a-z0-9-]{0,30}[a-z0-9])?")
names = st.from_regex(r"[a-z][a-z0-9_]{0,47}", fullmatch=True)
versions = st.tuples(*[st.integers(0, 99)] * 3).map(lambda parts: ".".join(map(str, parts)))


@given(names, versions, st.sampled_from(["sandbox", "staging", "production"]))
def test_endpoint_name_is_accepted_by_every_cloud(model: str, version: str, environment: str) -> None:
    assert ACCEPTED.fullmatch(endpoint_name(model, version, environment))


@given(st.text(), st.text(), st.text())
def test_endpoint_name_of_any_text_is_accepted(model: str, version: str, environment: str) -> None:
    assert ACCEPTED.fullmatch(endpoint_name(model, version, environment))


def test_endpoint_names_that_begin_alike_differ() -> None:
    long = "a_very_long_model_name_that_goes_on"
    assert endpoint_name(long, "1.0.0", "production") != endpoint_name(long, "1.0.1", "production")


# Few words, so that pairs which differ only in where a part ends are tried.
words = st.sampled_from(["a", "1", "0", "x1", "2024"])
near_models = st.lists(st.sampled_from(["a", "1", "0", "_", "b2"]), max_size=7).map(lambda parts: "a" + "".join(parts))
near_versions = st.tuples(*[st.sampled_from("012")] * 3).map(".".join)
near_environments = st.lists(words, min_size=1, max_size=6).map("-".join) | st.sampled_from(
    ["sandbox", "prod.eu", "prod-eu", "deadbeef", "0badcafe", "-", ""]
)
near = st.tuples(near_models, near_versions, near_environments)
anything = st.tuples(names, versions, st.sampled_from(["sandbox", "staging", "production", "eu-1"]))


@settings(max_examples=1000)
@given(near | anything, near | anything)
def test_endpoint_names_of_different_triples_differ(first: tuple[str, str, str], second: tuple[str, str, str]) -> None:
    assert (endpoint_name(*first) == endpoint_name(*second)) == (first == second)


@given(near | anything)
def test_endpoint_name_without_hash_reads_back(triple: tuple[str, str, str]) -> None:
    """So two names without a hash differ, and none is one with a hash."""
    name = endpoint_name(*triple)
    if _read(name) is None:
        assert re.search(r"-[0-9a-f]{8}$", name)
    else:
        assert _read(name) == triple


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("a_1", "0.0.1", "env"), ("a", "1.0.0", "1-env")),
        (("a_b", "1.0.0", "sandbox"), ("a__b", "1.0.0", "sandbox")),
        (("a_b", "1.0.0", "sandbox"), ("a_b_", "1.0.0", "sandbox")),
        (("a", "1.0.0", "prod-eu"), ("a", "1.0.0", "prod.eu")),
        (("a_1_0_0_x", "1.2.3", "y"), ("a", "1.0.0", "x-1-2-3-y")),
    ],
)
def test_endpoint_names_of_near_triples_differ(first: tuple[str, str, str], second: tuple[str, str, str]) -> None:
    assert endpoint_name(*first) != endpoint_name(*second)


def test_endpoint_name_that_a_hash_could_give_gets_a_hash() -> None:
    assert endpoint_name("a", "1.0.0", "deadbeef") != "a-1-0-0-deadbeef"


@pytest.mark.parametrize("length", [31, 32, 33, 48])
def test_endpoint_names_at_the_limit_differ(length: int) -> None:
    models = [letter.ljust(length - len("-1-0-0-sandbox"), "x") for letter in ("a", "a_")]
    found = [endpoint_name(model, version, "sandbox") for model in models for version in ("1.0.0", "1.0.1")]
    assert len(set(found)) == 4
    assert all(len(name) <= NAME_LIMIT for name in found)


@pytest.mark.parametrize(
    ("triple", "name"),
    [
        (("flight_delay", "1.0.0", "sandbox"), "flight-delay-1-0-0-sandbox"),
        (("wine", "12.3.45", "production"), "wine-12-3-45-production"),
        (("m_2024_01_01", "1.0.0", "staging"), "m-2024-01-01-1-0-0-staging"),
        (("wine2_3", "1.0.0", "sandbox"), "wine2-3-1-0-0-sandbox"),
        (("wine", "1.0.0", "eu-1"), "wine-1-0-0-eu-1"),
        (("a_very_long_model_name_that_goes_on", "1.0.0", "production"), "a-very-long-model-name-467b397e"),
    ],
)
def test_endpoint_name_of_ordinary_model_stays(triple: tuple[str, str, str], name: str) -> None:
    """Endpoints run under these names: another one would deploy every version again."""
    assert endpoint_name(*triple) == name


def test_request_carries_the_tags_of_the_bill() -> None:
    request = DeployRequest("m", "1.0.0", "sandbox", "ops", "image", "s3://b/m", tags={"cost_centre": "42"})
    assert request.all_tags == {
        "cost_centre": "42",
        "intermodal-model": "m",
        "intermodal-version": "1.0.0",
        "intermodal-environment": "sandbox",
        "intermodal-team": "ops",
    }


def test_request_variables_are_only_those_that_are_needed() -> None:
    request = DeployRequest("m", "1.0.0", "sandbox", "ops", "image", "s3://b/m", predictions="s3://b")
    plain = {
        "INTERMODAL_PREDICTIONS": "s3://b",
        "INTERMODAL_PREDICTIONS_SAMPLE": "1",
        "INTERMODAL_PREDICTIONS_ROWS_PER_SECOND": "1000",
    }
    assert request.variables == plain
    hiding = replace(request, sensitive=("postcode",))
    assert hiding.variables == {**plain, "INTERMODAL_PREDICTIONS_SENSITIVE": '["postcode"]'}
    assert replace(hiding, predictions="").variables == {"INTERMODAL_PREDICTIONS_SENSITIVE": '["postcode"]'}
    assert replace(request, errors="short").variables == {**plain, "INTERMODAL_ERRORS": "short"}


def test_upstream_repr_hides_secrets() -> None:
    aws = Upstream(AWS, "1.0.0", "https://x", AwsSignature("sagemaker", "r", "AKIA", "hush", "hush"))
    azure = Upstream(AZURE, "1.0.0", "https://x", BearerToken("hush"))
    assert "hush" not in repr(aws) + repr(azure) + str(aws)


def test_request_with_a_digest_has_it_as_tag_and_variable() -> None:
    """Within the limits of every cloud, and back from Google's annotation whole."""
    request = DeployRequest("m", "1.0.0", "sandbox", "ops", "image", "gs://b/m", digest="a" * 64)
    assert request.all_tags["intermodal-digest"] == "a" * 64
    assert request.variables == {"INTERMODAL_DIGEST": "a" * 64}
