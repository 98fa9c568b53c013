"""A request as Vertex AI's documents: names, labels and which requests differ."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intermodal.platform.ports.endpoints import DeployRequest
from intermodal.platform.targets import Target
from intermodal.resources.gcp.targets.vertex.documents import Wanted, endpoint_of, state_of, tags_of, wanted
from intermodal.sandbox.gcp.vertex_documents import check_endpoint_id, check_labels, check_upload

TARGET = Target("gcp", "vertex")
REQUEST = DeployRequest("m", "1.0.0", "test", "team:x", "image@sha256:00", "gs://b/m")
NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,40}", fullmatch=True)


def of(request: DeployRequest) -> Wanted:
    return wanted(request, TARGET, "")


@given(model=NAMES, environment=NAMES, owner=st.text(max_size=80))
def test_wanted_is_within_googles_rules(model: str, environment: str, owner: str) -> None:
    found = of(replace(REQUEST, model=model, environment=environment, owner=owner, digest="0" * 64))
    check_endpoint_id(found.name)
    check_labels(found.endpoint)
    check_upload({"modelId": found.model_id, "model": found.model})
    assert tags_of(found.endpoint)["intermodal-team"] == owner


@pytest.mark.parametrize(
    "changes",
    [{"model": "a_b"}, {"model": "a__b"}, {"image": "other"}, {"artifacts": "gs://b/o"}, {"digest": "0" * 64}],
)
def test_wanted_other_container_is_another_model(changes: dict[str, Any]) -> None:
    others = [
        of(replace(REQUEST, model=model)).model_id for model in ("m", "a_b", "a__b") if {"model": model} != changes
    ]
    assert of(replace(REQUEST, **changes)).model_id not in others


@pytest.mark.parametrize("changes", [{"replicas": 3}, {"owner": "team:y"}, {"tags": {"cost": "1"}}])
def test_wanted_same_container_is_the_same_model(changes: dict[str, Any]) -> None:
    assert of(replace(REQUEST, **changes)).model_id == of(REQUEST).model_id


def operation(second: int, **outcome: object) -> dict[str, Any]:
    moment = f"2026-12-01T12:00:{second:02}.123456789Z"
    return {"done": True, "metadata": {"genericMetadata": {"createTime": moment}}, **outcome}


FAILED = {"error": {"code": 9, "message": "no quota"}}


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        ([], ("creating", "Nothing is deployed yet.")),
        ([operation(30, **FAILED)], ("failed", "no quota")),
        ([operation(10, **FAILED)], ("creating", "Nothing is deployed yet.")),  # of an earlier endpoint
        ([operation(30, **FAILED), operation(40, response={})], ("creating", "Nothing is deployed yet.")),
        ([operation(30, **FAILED), operation(40) | {"done": False}], ("creating", "")),
    ],
)
def test_state_without_traffic_is_by_the_newest_operation(
    operations: list[dict[str, Any]], expected: tuple[str, str]
) -> None:
    assert state_of({"createTime": "2026-12-01T12:00:20Z"}, operations) == expected


@pytest.mark.parametrize(
    "dns", ["e.us-central1-1.prediction.vertexai.goog", "https://e.us-central1-1.prediction.vertexai.goog"]
)
def test_endpoint_url_is_at_its_dedicated_domain(dns: str) -> None:
    document = {"name": "projects/p/locations/r/endpoints/e", "createTime": "2026-12-01T12:00:20Z"}
    found = endpoint_of({**document, "dedicatedEndpointDns": dns}, TARGET, "https://{dns}")
    assert found.url == (
        "https://e.us-central1-1.prediction.vertexai.goog/v1/projects/p/locations/r/endpoints/e:rawPredict"
    )
