"""Bad requests are refused in SageMaker's own form, so that boto3 raises what it raises on AWS."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from intermodal.sandbox.aws import contract
from intermodal.sandbox.aws.errors import AwsError

pytestmark = pytest.mark.sandbox

ROLE = "arn:aws:iam::000000000000:role/intermodal-sagemaker"
DATA = {"S3Uri": "s3://intermodal/there/", "S3DataType": "S3Prefix", "CompressionType": "None"}


def model(**changes: Any) -> dict[str, Any]:
    container = {"Image": "x/intermodal/server:0", "ModelDataSource": {"S3DataSource": DATA}}
    good = {"ModelName": "contract", "ExecutionRoleArn": ROLE, "PrimaryContainer": container}
    return {key: value for key, value in (good | changes).items() if value is not None}


def variant(**changes: Any) -> dict[str, Any]:
    return {
        "EndpointConfigName": "contract",
        "ProductionVariants": [
            {"VariantName": "a", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1} | changes
        ],
    }


def refusal(call: Any, **parameters: Any) -> tuple[str, str, int]:
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    found = caught.value.response
    return found["Error"]["Code"], found["Error"]["Message"], found["ResponseMetadata"]["HTTPStatusCode"]


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        (model(ModelName=None), "Missing required parameter"),
        (model(ModelName="no_underscores"), "regular expression pattern"),
        (model(ModelName="x" * 64), "less than or equal to 63"),
        (model(PrimaryContainer={"Image": 7}), "Invalid type"),
        (model(PrimaryContainer=None), "PrimaryContainer"),
        (model(ExecutionRoleArn="me"), "20"),
        (model(ExecutionRoleArn=f"{ROLE}-of-nobody"), "Could not assume role"),
        (
            model(PrimaryContainer={"Image": "i", "ModelDataSource": {"S3DataSource": DATA | {"S3DataType": "Tape"}}}),
            "enum value set",
        ),
        (
            model(PrimaryContainer={"Image": "i", "ModelDataSource": {"S3DataSource": DATA | {"S3Uri": "s3://b/p"}}}),
            "forward slash",
        ),
        (model(PrimaryContainer={"Image": "i", "Environment": {"not-a-name": "x"}}), "regular expression pattern"),
        (model(Tags=[{"Key": "k", "Value": "a*b"}]), "regular expression pattern"),
    ],
)
def test_wrong_model_is_a_validation_exception(sagemaker: Any, parameters: Mapping[str, Any], says: str) -> None:
    code, message, status = refusal(sagemaker.create_model, **parameters)
    assert (code, status) == ("ValidationException", 400)
    assert says in message


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        (variant(InstanceType="ml.abacus.large"), "enum value set"),
        (variant(InitialInstanceCount=0), "min value: 1"),
        (variant(), "Could not find model"),
    ],
)
def test_wrong_configuration_is_a_validation_exception(
    sagemaker: Any, parameters: Mapping[str, Any], says: str
) -> None:
    code, message, _ = refusal(sagemaker.create_endpoint_config, **parameters)
    assert code == "ValidationException"
    assert says in message


def test_unknown_member_is_a_validation_exception() -> None:
    with pytest.raises(AwsError, match="Colour"):  # boto3 itself could not send it
        contract.check("CreateModel", model(Colour="red"))


def test_missing_or_existing_name_is_refused(sagemaker: Any) -> None:
    absent = {"EndpointName": "absent"}
    assert "Could not find endpoint" in refusal(sagemaker.describe_endpoint, **absent)[1]
    assert "Could not find endpoint" in refusal(sagemaker.delete_endpoint, **absent)[1]
    found = refusal(sagemaker.create_endpoint, EndpointConfigName="absent", **absent)
    assert "Could not find endpoint configuration" in found[1]
    sagemaker.create_model(**model())
    assert "already existing model" in refusal(sagemaker.create_model, **model())[1]
    sagemaker.delete_model(ModelName="contract")


def test_operation_that_is_not_emulated_is_named(sagemaker: Any, variables: Mapping[str, str]) -> None:
    import boto3

    found = refusal(sagemaker.list_training_jobs)
    assert found[2] == 501
    assert "ListTrainingJobs" in found[1]
    found = refusal(sagemaker.create_model, **model(EnableNetworkIsolation=True))
    assert found[2] == 501
    assert "CreateModel.EnableNetworkIsolation" in found[1]
    cloudwatch = boto3.session.Session().client("cloudwatch", region_name=variables["AWS_REGION"])
    assert refusal(cloudwatch.list_metrics)[2] == 501


@pytest.fixture
def five_models(sagemaker: Any) -> Iterator[list[str]]:
    names = [f"page-{number}" for number in range(5)]
    for name in names:
        sagemaker.create_model(**model(ModelName=name))
    yield names
    for name in names:
        sagemaker.delete_model(ModelName=name)


def test_lists_come_in_pages_newest_first(sagemaker: Any, five_models: list[str]) -> None:
    paginator = sagemaker.get_paginator("list_models")
    pages = list(paginator.paginate(NameContains="page-", PaginationConfig={"PageSize": 2}))
    assert [len(page["Models"]) for page in pages] == [2, 2, 1]
    assert [found["ModelName"] for page in pages for found in page["Models"]] == five_models[::-1]


def test_tags_are_kept_with_the_resource(sagemaker: Any, five_models: list[str]) -> None:
    arn = sagemaker.describe_model(ModelName=five_models[0])["ModelArn"]
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=["a"])
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "b", "Value": "2"}]
