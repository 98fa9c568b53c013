"""Two regions of AWS side by side: each has its own bucket, endpoints and process."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError

from intermodal.platform.ports.endpoints import DeployRequest
from intermodal.platform.protocol import v2
from intermodal.platform.protocol.package import Golden, Package
from intermodal.platform.targets import Target
from intermodal.resources.aws.settings import AwsSettings
from intermodal.resources.aws.targets.sagemaker.target import SageMakerTarget
from intermodal.resources.settings import regional_variable
from intermodal.sandbox import clouds
from tests import tiny_package
from tests.conformance.endpoint_target import eventually
from tests.sandbox_fixture import REGION, Sandbox
from tests.targets import AWS, AWS_EU

pytestmark = pytest.mark.sandbox
ROLE = "arn:aws:iam::000000000000:role/intermodal-sagemaker"
ONCE = Config(retries={"total_max_attempts": 1}, connect_timeout=2)


@pytest.fixture(scope="module")
def elsewhere(sandbox: Sandbox, variables: Mapping[str, str]) -> Iterator[Mapping[str, str]]:
    """The variables of the second region, beside those of the default one."""
    assert variables
    with pytest.MonkeyPatch.context() as patch:
        yield sandbox.use(str(REGION), patch)


def client(service: str, region: str, url: str = "") -> Any:
    return boto3.session.Session().client(service, region_name=region, endpoint_url=url or None, config=ONCE)


@pytest.fixture(scope="module")
def s3_eu(elsewhere: Mapping[str, str]) -> Any:
    return client("s3", REGION.region, elsewhere["AWS_ENDPOINT_URL_EU_WEST_1"])


@pytest.fixture(scope="module")
def sagemaker_eu(elsewhere: Mapping[str, str]) -> Any:
    return client("sagemaker", REGION.region, elsewhere["AWS_ENDPOINT_URL_EU_WEST_1"])


def model(name: str, bucket: str, image: str) -> dict[str, Any]:
    data = {"S3Uri": f"s3://{bucket}/m/", "S3DataType": "S3Prefix", "CompressionType": "None"}
    container = {"Image": image, "ModelDataSource": {"S3DataSource": data}}
    return {"ModelName": name, "ExecutionRoleArn": ROLE, "PrimaryContainer": container}


def buckets(s3: Any) -> set[str]:
    return {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}


def test_regions_have_their_own_buckets(s3: Any, s3_eu: Any, variables: Mapping[str, str]) -> None:
    assert variables["INTERMODAL_AWS_BUCKET"] in buckets(s3)
    assert buckets(s3_eu) == {"intermodal-eu-west-1"}
    s3_eu.put_object(Bucket="intermodal-eu-west-1", Key="k", Body=b"eu")
    with pytest.raises(ClientError, match="NoSuchBucket"):
        s3.get_object(Bucket="intermodal-eu-west-1", Key="k")


def test_regions_have_their_own_models(
    sagemaker: Any, sagemaker_eu: Any, variables: Mapping[str, str], elsewhere: Mapping[str, str]
) -> None:
    image = elsewhere["INTERMODAL_AWS_IMAGE_EU_WEST_1"]
    made = sagemaker_eu.create_model(**model("eu-only", "intermodal-eu-west-1", image))
    assert made["ModelArn"] == "arn:aws:sagemaker:eu-west-1:000000000000:model/eu-only"
    with pytest.raises(ClientError, match="Could not find model"):
        sagemaker.describe_model(ModelName="eu-only")
    with pytest.raises(ClientError, match="intermodal-eu-west-1 is not in region us-east-1"):
        sagemaker.create_model(**model("m", "intermodal-eu-west-1", variables["INTERMODAL_AWS_IMAGE"]))
    with pytest.raises(ClientError, match="intermodal is not in region eu-west-1"):
        sagemaker_eu.create_model(**model("m", "intermodal", image))
    sagemaker_eu.delete_model(ModelName="eu-only")


def test_region_refuses_a_signature_of_another(elsewhere: Mapping[str, str]) -> None:
    wrong = client("sagemaker", "us-east-1", elsewhere["AWS_ENDPOINT_URL_EU_WEST_1"])
    with pytest.raises(ClientError, match="Credential should be scoped to region 'eu-west-1'"):
        wrong.list_models()


def test_adapters_serve_in_each_region(
    sandbox: Sandbox, s3: Any, s3_eu: Any, elsewhere: Mapping[str, str], tmp_path: Path
) -> None:
    """The same adapter, by the settings of each site; the endpoint of a killed region is back with it."""
    assert elsewhere
    folder = tiny_package.build(tmp_path / "package")
    body = v2.request_body(Package.read(folder).signature, Golden.read(folder).rows)
    adapters, name = dict[Target, SageMakerTarget](), ""
    for target, store in ((AWS, s3), (AWS_EU, s3_eu)):
        settings = AwsSettings.of(target.site)
        for path in folder.iterdir():
            store.upload_file(str(path), settings.bucket, f"regions/{path.name}")
        adapters[target] = adapter = SageMakerTarget.of(target)
        image = os.environ[regional_variable("INTERMODAL_AWS_IMAGE", target.region)]
        served = adapter.deploy(
            DeployRequest("regions", "1.0.0", "sandbox", "team:x", image, f"s3://{settings.bucket}/regions")
        )
        name = served.name
        assert (served.target, served.state) == (target, "ready")
        assert len(sandbox.servers(str(target.site))) == 1
    assert v2.predictions(adapters[AWS].invoke(name, body)) == v2.predictions(adapters[AWS_EU].invoke(name, body))

    sandbox.outage(str(REGION))
    assert (adapters[AWS].answers(), adapters[AWS_EU].answers()) == (True, False)
    assert len(v2.predictions(adapters[AWS].invoke(name, body))) == 8
    sandbox.start(str(REGION))
    eventually(lambda: getattr(adapters[AWS_EU].describe(name), "state", "") == "ready")
    assert len(v2.predictions(adapters[AWS_EU].invoke(name, body))) == 8
    for adapter in adapters.values():
        adapter.delete(name)


def test_outage_of_a_region_leaves_the_other(sandbox: Sandbox, sagemaker: Any, sagemaker_eu: Any, s3_eu: Any) -> None:
    sandbox.outage(str(REGION))
    with pytest.raises(EndpointConnectionError):
        sagemaker_eu.list_models()
    assert sagemaker.list_models()["Models"] == []
    sandbox.start(str(REGION))
    assert s3_eu.get_object(Bucket="intermodal-eu-west-1", Key="k")["Body"].read() == b"eu"


def test_outage_of_a_cloud_kills_all_its_regions(sandbox: Sandbox) -> None:
    clouds.outage(sandbox.settings, "aws")
    sites = [site for site in sandbox.settings.sites if site.cloud == "aws"]
    assert [clouds.answers(sandbox.settings, site) for site in sites] == [False, False]
    clouds.restore(sandbox.settings, "aws")
    assert [clouds.answers(sandbox.settings, site) for site in sites] == [True, True]


def test_outage_of_a_target_leaves_storage_and_other_services(
    sandbox: Sandbox, sagemaker: Any, s3: Any, variables: Mapping[str, str]
) -> None:
    clouds.outage(sandbox.settings, "aws/sagemaker")
    try:
        with pytest.raises(ClientError) as error:
            sagemaker.list_models()
        assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
        url = f"{variables['AWS_ENDPOINT_URL']}/endpoints/m/invocations"
        assert httpx.post(url, content=b"{}", trust_env=False).status_code == 503
        assert "intermodal" in buckets(s3)
        assert client("sts", "us-east-1").get_caller_identity()["Account"]
    finally:
        clouds.restore(sandbox.settings, "aws/sagemaker")
    assert sagemaker.list_models()["Models"] == []
