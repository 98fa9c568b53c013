"""Which clouds are enabled, and what is said of one that is not."""

import os

import pytest

from intermodal.platform import catalogue
from intermodal.platform.errors import SpecError
from intermodal.platform.targets import Target
from tests.targets import AWS, AWS_EU, AZURE, EKS, GCP, TARGETS

GCP_SETTINGS = {"GOOGLE_CLOUD_PROJECT": "p", "INTERMODAL_GCP_REGION": "us-central1", "INTERMODAL_GCP_BUCKET": "b"}
PREFIXES = ("INTERMODAL_AWS", "INTERMODAL_GCP", "INTERMODAL_AZURE", "AWS_REGION", "GOOGLE_CLOUD_PROJECT")


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*(name for name in os.environ if name.startswith(PREFIXES)), "INTERMODAL_CLOUDS", "INTERMODAL_ENV"):
        monkeypatch.delenv(name, raising=False)


def _staging(patch: pytest.MonkeyPatch, **variables: str) -> None:
    for name, value in {"INTERMODAL_ENV": "staging", **variables}.items():
        patch.setenv(name, value)


def test_names_are_the_entry_points() -> None:
    assert {str(target) for target in TARGETS} <= set(catalogue.names("targets"))
    assert {"aws", "azure", "gcp"} <= set(catalogue.names("object_stores"))
    assert list(catalogue.names("targets")) == sorted(catalogue.names("targets"))


def test_load_of_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(SpecError, match="No adapter 'aws/ecs' is installed for targets") as caught:
        catalogue.load("targets", "aws/ecs")
    assert "azure/ml" in caught.value.hint
    with pytest.raises(SpecError) as caught:
        catalogue.load("route_policies", "none")
    assert "Installed: " in caught.value.hint


@pytest.mark.parametrize("text", ["aws,gcp", "aws gcp", " aws , gcp ,", "aws,gcp,aws"])
def test_stated_clouds_are_enabled_in_their_order(text: str) -> None:
    assert catalogue.enabled_clouds({"INTERMODAL_CLOUDS": text}) == ("aws", "gcp")
    assert catalogue.enabled_clouds({"INTERMODAL_CLOUDS": "gcp,aws", "INTERMODAL_ENV": "staging"}) == ("gcp", "aws")


def test_stated_cloud_without_an_adapter_is_named() -> None:
    with pytest.raises(SpecError, match="INTERMODAL_CLOUDS names gpc, which no adapter provides") as caught:
        catalogue.enabled_clouds({"INTERMODAL_CLOUDS": "aws,gpc"})
    assert all(cloud in caught.value.hint for cloud in ("aws", "azure", "gcp"))


def test_sandbox_enables_every_installed_cloud() -> None:
    assert {"aws", "azure", "gcp"} <= set(catalogue.enabled_clouds({}))


@pytest.mark.parametrize("package", ["intermodal_absent", "intermodal_absent.deeper.still", "google.cloud.absent.x"])
def test_sandbox_leaves_out_a_cloud_whose_package_is_absent(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue.store_adapter("gcp"), "package", package)
    enabled = catalogue.enabled_clouds({})
    assert "gcp" not in enabled
    assert {"aws", "azure"} <= set(enabled)


def test_staging_enables_only_complete_clouds(monkeypatch: pytest.MonkeyPatch) -> None:
    _staging(monkeypatch, AWS_REGION="us-east-1", INTERMODAL_AWS_BUCKET="b", **GCP_SETTINGS)
    assert catalogue.enabled_clouds() == ("gcp",)
    assert {target.cloud for target in catalogue.enabled_targets()} == {"gcp"}
    assert catalogue.default_targets() == (GCP,)
    monkeypatch.setenv("INTERMODAL_AWS_ROLE_ARN", "role")
    assert catalogue.enabled_clouds() == ("aws", "gcp")


def test_staging_without_settings_enables_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    _staging(monkeypatch)
    assert catalogue.enabled_clouds() == ()
    assert catalogue.default_targets() == ()
    with pytest.raises(SpecError, match="enabled: none"):
        catalogue.require_enabled(AWS)


def test_enabled_targets_follow_the_order_of_clouds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTERMODAL_CLOUDS", "gcp,azure,aws")
    assert [target for target in catalogue.enabled_targets() if target in TARGETS] == [GCP, AZURE, AWS]
    assert [target for target in catalogue.default_targets() if target in TARGETS] == [GCP, AZURE, AWS]


def test_target_that_is_not_default_is_not_in_a_spec_without_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue.target_adapter(AWS), "default", False)
    assert AWS in catalogue.enabled_targets()
    assert AWS not in catalogue.default_targets()


def test_target_without_its_own_variables_is_not_enabled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTERMODAL_CLOUDS", "aws")
    assert EKS not in catalogue.enabled_targets()
    with pytest.raises(SpecError, match="aws/eks is not configured: INTERMODAL_AWS_EKS_CLUSTER, ") as caught:
        catalogue.require_enabled(EKS)
    assert "docs/reference/settings.md" in caught.value.hint
    monkeypatch.setenv("INTERMODAL_AWS_EKS_CLUSTER", "models")
    monkeypatch.setenv("INTERMODAL_AWS_EKS_GATEWAY_CIDRS", "10.0.0.0/24")
    assert EKS in catalogue.enabled_targets()
    catalogue.require_enabled(EKS)
    assert catalogue.missing(Target("aws", "eks", "eu-west-1")) == (
        "INTERMODAL_AWS_EKS_CLUSTER_EU_WEST_1",
        "INTERMODAL_AWS_EKS_GATEWAY_CIDRS_EU_WEST_1",
    )


def test_require_enabled_takes_any_region_of_an_enabled_cloud(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTERMODAL_CLOUDS", "aws")
    catalogue.require_enabled(AWS)
    catalogue.require_enabled(AWS_EU)


def test_require_enabled_names_missing_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    _staging(monkeypatch, **GCP_SETTINGS)
    with pytest.raises(SpecError, match="aws/sagemaker: the cloud aws is not enabled; enabled: gcp") as caught:
        catalogue.require_enabled(AWS)
    for name in ("AWS_REGION", "INTERMODAL_AWS_BUCKET", "INTERMODAL_AWS_ROLE_ARN", "docs/reference/settings.md"):
        assert name in caught.value.hint
    with pytest.raises(SpecError) as caught:
        catalogue.require_enabled(AWS_EU)
    assert "INTERMODAL_AWS_BUCKET_EU_WEST_1" in caught.value.hint


def test_require_enabled_of_a_complete_cloud_points_at_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    _staging(monkeypatch, INTERMODAL_CLOUDS="aws", **GCP_SETTINGS)
    with pytest.raises(SpecError) as caught:
        catalogue.require_enabled(GCP)
    assert "Add it to INTERMODAL_CLOUDS" in caught.value.hint


@pytest.mark.parametrize("target", [Target("aws", "ecs"), Target("nowhere", "sagemaker")])
def test_require_enabled_of_an_unknown_target_lists_the_installed(target: Target) -> None:
    with pytest.raises(SpecError, match=f"No adapter '{target}'") as caught:
        catalogue.require_enabled(target)
    assert "aws/sagemaker" in caught.value.hint
