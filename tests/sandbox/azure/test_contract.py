"""Bodies are held against the SDK's own models."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intermodal.sandbox.azure.contract import problems


def endpoint(**properties: object) -> dict[str, Any]:
    return {"location": "eastus", "properties": {"authMode": "Key", **properties}}


def deployment(**properties: object) -> dict[str, Any]:
    return {"location": "eastus", "properties": {"endpointComputeType": "Managed", **properties}}


def test_valid_body_has_no_problems() -> None:
    assert problems("OnlineEndpoint", endpoint(traffic={"blue": 100}, description=None)) == []
    settings = {"requestTimeout": "PT1M", "maxConcurrentRequestsPerInstance": 4}
    assert problems("OnlineDeployment", deployment(requestSettings=settings, appInsightsEnabled=False)) == []


@pytest.mark.parametrize(
    ("model", "body", "named"),
    [
        ("OnlineEndpoint", endpoint(trafic={}), "body.properties.trafic is not a field"),
        ("OnlineEndpoint", endpoint(authMode="Password"), "body.properties.authMode is 'Password'"),
        ("OnlineEndpoint", endpoint(traffic={"blue": "all"}), "body.properties.traffic.blue must be int"),
        ("OnlineEndpoint", endpoint(traffic={"blue": True}), "body.properties.traffic.blue must be int"),
        ("OnlineEndpoint", {"properties": {"authMode": "Key"}}, "body.location is required"),
        ("OnlineEndpoint", {"location": "eastus", "properties": {}}, "body.properties.authMode is required"),
        ("OnlineDeployment", deployment(endpointComputeType="Cloud"), "must be one of Kubernetes, Managed"),
        ("OnlineDeployment", deployment(requestSettings={"requestTimeout": "60s"}), "ISO 8601 duration"),
        ("OnlineDeployment", deployment(scaleSettings={"scaleType": "Never"}), "must be one of Default"),
        ("EnvironmentVersion", {"properties": {"inferenceConfig": {"scoringRoute": {"path": ""}}}}, "port is required"),
        ("OnlineEndpoint", [], "body must be an object"),
    ],
)
def test_problems_are_named(model: str, body: object, named: str) -> None:
    assert any(named in problem for problem in problems(model, body)), problems(model, body)


def test_read_only_fields_are_ignored() -> None:
    assert problems("OnlineEndpoint", endpoint(provisioningState="Succeeded", scoringUri=1)) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
def test_no_body_breaks_the_check(body: object) -> None:
    assert isinstance(problems("OnlineDeployment", {"location": "x", "properties": body}), list)
