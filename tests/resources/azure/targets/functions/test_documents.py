"""Names, settings and plans of function apps."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intermodal.platform.errors import SpecError
from intermodal.platform.ports.endpoints import DeployRequest, endpoint_name
from intermodal.platform.targets import Target
from intermodal.resources.azure.targets.functions import documents
from intermodal.resources.azure.targets.functions.documents import Documents, require_usable, site_name
from intermodal.sandbox.azure.functions.apps import NAME

MIRROR = "https://account.blob.core.windows.net/models/m/1.0.0"
REQUEST = DeployRequest("m", "1.0.0", "test", "team:x", "acme.azurecr.io/m@sha256:1", MIRROR, digest="d")


def made(**fields: Any) -> Documents:
    known = {
        "request": REQUEST,
        "target": Target("azure", "functions"),
        "site": "m-1-0-0-test-0123456789",
        "region": "eastus",
        "plan_id": "/plan",
        "tier": "ElasticPremium",
        "identity_id": "/identity",
        "identity_client_id": "client",
        "storage_account": "account",
        "image": REQUEST.image,
    }
    return Documents(**{**known, **fields})


@given(st.text("abc_", min_size=1, max_size=48), st.text("0123456789abcdef-", max_size=40))
def test_site_name_of_any_model_is_one_that_azure_takes(model: str, subscription: str) -> None:
    name = site_name(endpoint_name(model, "1.2.0", "production"), subscription, "group")
    assert NAME.fullmatch(name)
    assert name == site_name(endpoint_name(model, "1.2.0", "production"), subscription.upper(), "Group")


def test_site_name_of_another_group_is_another() -> None:
    names = {site_name("m-1-0-0-test", *group) for group in (("s", "a"), ("s", "b"), ("t", "a"), ("s/a", ""))}
    assert len(names) == 4


@pytest.mark.parametrize(
    ("tier", "linux", "reason"),
    [
        ("Dynamic", True, "Consumption plan, which runs no containers"),
        ("FlexConsumption", True, "Flex Consumption plan, which runs no containers"),
        ("Basic", True, "no deployment slots"),
        ("ElasticPremium", False, "Windows"),
    ],
)
def test_plan_without_containers_or_slots_is_refused(tier: str, linux: bool, reason: str) -> None:
    with pytest.raises(SpecError, match=reason):
        require_usable("plan", tier, linux)
    require_usable("plan", "ElasticPremium", True)
    require_usable("plan", "PremiumV3", True)


def test_revision_changes_with_what_a_container_gets() -> None:
    changes = [
        made(),
        made(image="acme.azurecr.io/m@sha256:2"),
        made(request=replace(REQUEST, digest="e")),
        made(request=replace(REQUEST, artifacts=f"{MIRROR}/other")),
        made(plan_id="/another"),
    ]
    assert len({each.revision for each in changes}) == len(changes)
    assert made(request=replace(REQUEST, tags={"cost_centre": "x"})).revision == made().revision


def test_body_runs_the_image_by_digest_with_an_identity() -> None:
    body = made().body().as_dict()
    config = body["properties"]["siteConfig"]
    assert body["kind"] == "functionapp,linux,container"
    assert config["linuxFxVersion"] == f"DOCKER|{REQUEST.image}"
    assert (config["acrUseManagedIdentityCreds"], config["acrUserManagedIdentityID"]) == (True, "client")
    assert config["healthCheckPath"] == documents.READY_PATH
    assert config["alwaysOn"] is False  # an Elastic Premium plan has no such setting
    assert made(tier="PremiumV3").body().as_dict()["properties"]["siteConfig"]["alwaysOn"] is True


def test_tagged_body_leaves_the_settings_alone() -> None:
    assert "siteConfig" not in made().tagged({"a": "b"}).as_dict()["properties"]


def test_mirror_of_another_cloud_is_refused() -> None:
    with pytest.raises(SpecError, match="not the address of a mirror on Azure"):
        made(request=replace(REQUEST, artifacts="s3://bucket/m"))
