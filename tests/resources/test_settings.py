"""Settings of a site: all missing variables are named, a region has its own variables, no secret is displayed."""

import os
from typing import Any

import pytest

from intermodal.platform.errors import SpecError
from intermodal.platform.targets import Site
from intermodal.resources.aws.settings import AwsSettings
from intermodal.resources.azure.object_store import BlobObjectStore
from intermodal.resources.azure.settings import AzureSettings
from intermodal.resources.deployment import DeploymentSettings
from intermodal.resources.gcp.settings import GcpSettings
from intermodal.resources.settings import SiteSettings, environment, regional_variable

ALL: tuple[type[SiteSettings], ...] = (AwsSettings, AzureSettings, GcpSettings)
COMPLETE = {
    AwsSettings: {"AWS_REGION": "us-east-1", "INTERMODAL_AWS_BUCKET": "b", "INTERMODAL_AWS_ROLE_ARN": "role"},
    GcpSettings: {"GOOGLE_CLOUD_PROJECT": "p", "INTERMODAL_GCP_REGION": "us-central1", "INTERMODAL_GCP_BUCKET": "b"},
    AzureSettings: {
        "INTERMODAL_AZURE_SUBSCRIPTION": "s",
        "INTERMODAL_AZURE_RESOURCE_GROUP": "g",
        "INTERMODAL_AZURE_WORKSPACE": "w",
        "INTERMODAL_AZURE_REGION": "eastus",
        "INTERMODAL_AZURE_STORAGE_ACCOUNT": "a",
        "INTERMODAL_AZURE_CONTAINER": "c",
    },
}
"""What each cloud must have: no more and no less."""
REGIONAL = {
    AwsSettings: ("INTERMODAL_AWS_BUCKET_EU_WEST_1",),
    GcpSettings: ("INTERMODAL_GCP_BUCKET_EU_WEST_1",),
    AzureSettings: ("INTERMODAL_AZURE_WORKSPACE_EU_WEST_1", "INTERMODAL_AZURE_STORAGE_ACCOUNT_EU_WEST_1"),
}
each_cloud = pytest.mark.parametrize("settings", ALL, ids=lambda cls: cls.cloud)


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    known = [str(field.validation_alias) for cls in ALL for field in cls.model_fields.values()]
    for name in [name for name in os.environ if name.startswith(tuple(known))]:
        monkeypatch.delenv(name)


def _set(patch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    for name, value in variables.items():
        patch.setenv(name, value)


@each_cloud
def test_site_settings_without_variables_names_them_all(settings: type[SiteSettings]) -> None:
    site = Site(settings.cloud)
    assert set(settings.missing(site)) == set(COMPLETE[settings])
    with pytest.raises(SpecError) as caught:
        settings.of(site)
    assert all(name in caught.value.message for name in COMPLETE[settings])
    assert caught.value.message.startswith(f"{settings.cloud} is not configured")
    assert "docs/reference/settings.md" in caught.value.hint


@each_cloud
def test_site_settings_with_an_empty_variable_misses_it(
    settings: type[SiteSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    _set(monkeypatch, COMPLETE[settings])
    assert settings.missing(Site(settings.cloud)) == ()
    first = next(iter(COMPLETE[settings]))
    monkeypatch.setenv(first, "")
    assert settings.missing(Site(settings.cloud)) == (first,)


@each_cloud
def test_named_region_needs_its_own_and_takes_the_others(
    settings: type[SiteSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    _set(monkeypatch, COMPLETE[settings])
    site = Site(settings.cloud, "eu-west-1")
    assert set(settings.missing(site)) == set(REGIONAL[settings])
    with pytest.raises(SpecError, match=f"{settings.cloud}@eu-west-1 is not configured") as caught:
        settings.of(site)
    assert all(name in caught.value.message for name in REGIONAL[settings])
    _set(monkeypatch, dict.fromkeys(REGIONAL[settings], "in-europe"))
    default, regional = settings.of(Site(settings.cloud)), settings.of(site)
    assert regional.region == "eu-west-1"  # type: ignore[attr-defined]
    changed = {name for name, value in regional if value != getattr(default, name)}
    assert len(changed) == len(REGIONAL[settings]) + 1


@each_cloud
def test_named_region_without_any_variable_names_them_all(settings: type[SiteSettings]) -> None:
    missing = settings.missing(Site(settings.cloud, "eu-west-1"))
    assert set(REGIONAL[settings]) <= set(missing)
    others = [name for name in missing if name not in REGIONAL[settings]]
    assert others
    assert set(others) < set(COMPLETE[settings])
    assert not any("REGION" in name for name in others)  # the site's name has it


def test_named_region_takes_any_variable_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    _set(monkeypatch, {**COMPLETE[AwsSettings], "INTERMODAL_AWS_BUCKET_EU_WEST_1": "in-europe"})
    _set(monkeypatch, {"AWS_ENDPOINT_URL": "http://us", "AWS_ENDPOINT_URL_EU_WEST_1": "http://eu"})
    assert AwsSettings.of(Site("aws", "eu-west-1")).endpoint_url == "http://eu"
    assert AwsSettings.of(Site("aws")).endpoint_url == "http://us"


def test_named_region_does_not_take_the_address_of_another_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """The blob service's address names the account: its mirrors would go to the default region's account."""
    _set(monkeypatch, {**COMPLETE[AzureSettings], **dict.fromkeys(REGIONAL[AzureSettings], "in-europe")})
    monkeypatch.setenv("INTERMODAL_AZURE_STORAGE_ENDPOINT", "https://us.blob.example")
    europe = Site("azure", "eu-west-1")
    assert BlobObjectStore.of(europe).uri("a") == "https://in-europe.blob.core.windows.net/c/a"
    assert BlobObjectStore.of(Site("azure")).uri("a") == "https://us.blob.example/c/a"
    monkeypatch.setenv("INTERMODAL_AZURE_STORAGE_ENDPOINT_EU_WEST_1", "https://eu.blob.example")
    assert BlobObjectStore.of(europe).uri("a") == "https://eu.blob.example/c/a"


def test_variable_named_like_a_field_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    _set(monkeypatch, {"BUCKET": "theirs", "REGION": "theirs", "ROLE_ARN": "theirs"})
    assert set(AwsSettings.missing(Site("aws"))) == set(COMPLETE[AwsSettings])


@pytest.mark.parametrize(
    ("site", "variable"),
    [(Site("aws"), "INTERMODAL_MONITOR_DELAY_SECONDS"), (Site("aws", "eu"), "INTERMODAL_MONITOR_DELAY_SECONDS_EU")],
)
def test_wrong_value_is_named_and_not_called_missing(
    site: Site, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _set(monkeypatch, {**COMPLETE[AwsSettings], "INTERMODAL_AWS_BUCKET_EU": "b", variable: "soon"})
    assert AwsSettings.missing(site) == ()
    with pytest.raises(SpecError, match=f"{variable} is wrong .*number") as caught:
        AwsSettings.of(site)
    assert "not set" not in caught.value.message


@each_cloud
def test_settings_display_no_secret(settings: type[SiteSettings], monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = (
        *("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AZURE_CLIENT_SECRET", "AZURE_STORAGE_ACCOUNT_KEY"),
        "GOOGLE_APPLICATION_CREDENTIALS",
    )
    _set(monkeypatch, {**COMPLETE[settings], **dict.fromkeys(secrets, "do-not-show")})
    found: Any = settings.of(Site(settings.cloud))
    assert "do-not-show" not in repr(found) + str(found.model_dump())
    with pytest.raises(SpecError) as caught:
        settings.of(Site(settings.cloud, "eu-west-1"))
    assert "do-not-show" not in str(caught.value)


def test_settings_are_documented_field_by_field() -> None:
    for settings in ALL:
        for name, field in settings.model_fields.items():
            assert field.description, f"{settings.__name__}.{name}"
            assert str(field.validation_alias).isupper()


def test_regional_variable_ends_in_the_region() -> None:
    assert regional_variable("INTERMODAL_AWS_BUCKET", "eu-west-1") == "INTERMODAL_AWS_BUCKET_EU_WEST_1"
    assert regional_variable("INTERMODAL_AWS_BUCKET", "") == "INTERMODAL_AWS_BUCKET"


def test_environment_is_one_of_three() -> None:
    assert environment({}) == "sandbox"
    assert environment({"INTERMODAL_ENV": "production"}) == "production"
    with pytest.raises(SpecError, match=r"INTERMODAL_ENV is 'prod'.*staging"):
        environment({"INTERMODAL_ENV": "prod"})


def test_image_is_that_of_the_region_or_of_the_cloud(monkeypatch: pytest.MonkeyPatch) -> None:
    deployment, europe = DeploymentSettings(environment="sandbox"), Site("aws", "eu-west-1")
    for name in ("INTERMODAL_AWS_IMAGE", "INTERMODAL_AWS_IMAGE_EU_WEST_1"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SpecError, match="aws@eu-west-1: INTERMODAL_AWS_IMAGE_EU_WEST_1 is not set"):
        deployment.image(europe)
    monkeypatch.setenv("INTERMODAL_AWS_IMAGE", "us/image")
    assert deployment.image(europe) == "us/image"
    monkeypatch.setenv("INTERMODAL_AWS_IMAGE_EU_WEST_1", "eu/image")
    assert (deployment.image(europe), deployment.image(Site("aws"))) == ("eu/image", "us/image")
