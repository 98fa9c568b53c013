"""Adapters out of the catalogue: built once, for enabled clouds only."""

import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from intermodal.platform.errors import SpecError
from intermodal.platform.targets import Site, Target
from intermodal.resources.adapters import BuiltOnce, CatalogueStores, CatalogueTargets
from intermodal.resources.aws.object_store import S3ObjectStore
from intermodal.resources.aws.targets.sagemaker.target import SageMakerTarget
from tests.targets import AWS, AWS_EU, GCP

SETTINGS = {
    "INTERMODAL_CLOUDS": "aws",
    "AWS_REGION": "us-east-1",
    "INTERMODAL_AWS_BUCKET": "default-bucket",
    "INTERMODAL_AWS_BUCKET_EU_WEST_1": "europe-bucket",
    "INTERMODAL_AWS_ROLE_ARN": "role",
}


@pytest.fixture(autouse=True)
def aws_only(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_EU_WEST_1", "INTERMODAL_ENV"):
        monkeypatch.delenv(name, raising=False)


def test_targets_of_an_enabled_cloud_are_built_by_its_settings() -> None:
    targets = CatalogueTargets()
    assert list(targets.enabled()) == [Target("aws", "lambda"), AWS]
    assert list(targets.defaults()) == [AWS]
    default, regional = targets.get(AWS), targets.get(AWS_EU)
    assert isinstance(default, SageMakerTarget)
    assert isinstance(regional, SageMakerTarget)
    assert (default.target, default.region, default.role_arn) == (AWS, "us-east-1", "role")
    assert (regional.target, regional.region, regional.role_arn) == (AWS_EU, "eu-west-1", "role")
    assert targets.get(AWS) is default


def test_stores_of_two_sites_are_two_buckets() -> None:
    stores = CatalogueStores()
    default, regional = stores.get(Site("aws")), stores.get(AWS_EU.site)
    assert (default.site, default.uri("a")) == (Site("aws"), "s3://default-bucket/a")
    assert (regional.site, regional.uri("a")) == (AWS_EU.site, "s3://europe-bucket/a")
    assert stores.get(Site("aws")) is default


def test_store_of_the_default_region_leaves_its_address_to_boto3(monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS_ENDPOINT_URL_S3 comes before AWS_ENDPOINT_URL, as everywhere in AWS's SDKs."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://all")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://objects")
    monkeypatch.setenv("AWS_ENDPOINT_URL_EU_WEST_1", "http://europe")
    assert "http://objects" in S3ObjectStore.of(Site("aws")).description
    assert "http://europe" in S3ObjectStore.of(AWS_EU.site).description


def test_region_without_an_address_of_its_own_leaves_it_to_boto3(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://all")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://objects")
    assert "http://objects" in S3ObjectStore.of(AWS_EU.site).description
    assert SageMakerTarget.of(AWS_EU).endpoint_url == ""


def test_target_of_a_cloud_that_is_not_enabled_is_refused() -> None:
    with pytest.raises(SpecError, match="gcp/cloud-run: the cloud gcp is not enabled; enabled: aws"):
        CatalogueTargets().get(GCP)
    with pytest.raises(SpecError, match=r"No adapter 'aws/ecs' is installed.*aws/sagemaker"):
        CatalogueTargets().get(Target("aws", "ecs"))


def test_target_of_a_region_without_settings_names_them() -> None:
    with pytest.raises(SpecError, match="eu-north-1: the region is not configured: INTERMODAL_AWS_BUCKET_EU_NORTH_1"):
        CatalogueTargets().get(Target("aws", "sagemaker", "eu-north-1"))


def test_failed_build_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    targets = CatalogueTargets()
    monkeypatch.delenv("INTERMODAL_AWS_ROLE_ARN")
    with pytest.raises(SpecError, match="INTERMODAL_AWS_ROLE_ARN"):
        targets.get(AWS)
    monkeypatch.setenv("INTERMODAL_AWS_ROLE_ARN", "role")
    assert targets.get(AWS).target == AWS


def test_value_needed_by_many_threads_is_built_once() -> None:
    built, together = list[str](), threading.Barrier(8)

    def build(key: str) -> object:
        built.append(key)
        return object()

    once = BuiltOnce[str, object](build)

    def get(_: int) -> object:
        together.wait()
        return once.get("key")

    with ThreadPoolExecutor(8) as pool:
        assert len(set(map(id, pool.map(get, range(8))))) == 1
    assert built == ["key"]


def test_one_enabled_cloud_imports_no_module_of_another() -> None:
    script = """
import json, sys
from intermodal.resources.adapters import CatalogueStores, CatalogueTargets
targets, stores = CatalogueTargets(), CatalogueStores()
for target in targets.enabled():
    targets.get(target)
    stores.get(target.site)
print(json.dumps(sorted(sys.modules)))
"""
    run = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, **SETTINGS}, check=True, capture_output=True, text=True
    )
    modules = json.loads(run.stdout.splitlines()[-1])
    assert "intermodal.resources.aws.targets.sagemaker.target" in modules
    others = ("intermodal.resources.gcp", "intermodal.resources.azure", "google.cloud.run", "azure.mgmt")
    assert [name for name in modules if name.startswith(others)] == []
