"""Names that every cloud accepts, tags, and secrets that stay secret."""

import re
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from intermodal.platform.ports.endpoints import AwsSignature, BearerToken, DeployRequest, Upstream, endpoint_name
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
    assert replace(hiding, predictions="").variables == {}


def test_upstream_repr_hides_secrets() -> None:
    aws = Upstream(AWS, "1.0.0", "https://x", AwsSignature("sagemaker", "r", "AKIA", "hush", "hush"))
    azure = Upstream(AZURE, "1.0.0", "https://x", BearerToken("hush"))
    assert "hush" not in repr(aws) + repr(azure) + str(aws)


def test_request_with_a_digest_has_it_as_tag_and_variable() -> None:
    """Within the limits of every cloud, and back from Google's annotation whole."""
    request = DeployRequest("m", "1.0.0", "sandbox", "ops", "image", "gs://b/m", digest="a" * 64)
    assert request.all_tags["intermodal-digest"] == "a" * 64
    assert request.variables == {"INTERMODAL_DIGEST": "a" * 64}
