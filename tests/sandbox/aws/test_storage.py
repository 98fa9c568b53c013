"""S3 survives the death of the whole cloud, with the ETags that mirrors compare."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

from intermodal.sandbox.faults import Faults
from tests.sandbox_fixture import Sandbox

pytestmark = pytest.mark.sandbox
BUCKET = "intermodal"
ODD = "odd/ä b+c%2F#?&=.txt"


def listed(s3: Any, bucket: str) -> dict[str, tuple[str, int, str]]:
    found = s3.list_objects_v2(Bucket=bucket).get("Contents", [])
    return {entry["Key"]: (entry["ETag"], entry["Size"], entry["LastModified"].isoformat()) for entry in found}


def test_objects_survive_an_outage(s3: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    other = "another-bucket"
    s3.create_bucket(Bucket=other)
    s3.put_object(Bucket=other, Key=ODD, Body=b"odd", ContentType="text/x-odd", Metadata={"sha256": "abc"})
    s3.put_object(Bucket=other, Key="empty", Body=b"")
    s3.put_object(Bucket=other, Key="twice", Body=b"first")
    s3.put_object(Bucket=other, Key="twice", Body=b"second")
    s3.copy_object(Bucket=other, Key="copied", CopySource={"Bucket": other, "Key": "twice"})
    for key in ("gone", "gone-too", "gone-as-well"):
        s3.put_object(Bucket=other, Key=key, Body=b"x")
    s3.delete_object(Bucket=other, Key="gone")
    s3.delete_objects(Bucket=other, Delete={"Objects": [{"Key": "gone-too"}, {"Key": "gone-as-well"}]})
    large = tmp_path / "large"
    large.write_bytes(os.urandom(11 << 20))
    parts = TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20)
    s3.upload_file(str(large), other, "large", Config=parts)
    s3.create_bucket(Bucket="short-lived")
    s3.delete_bucket(Bucket="short-lived")
    before = listed(s3, other)
    assert before["large"][0].endswith('-3"')

    sandbox.outage("aws")
    sandbox.start("aws")

    assert listed(s3, other) == before
    assert sorted(before) == ["copied", "empty", "large", ODD, "twice"]
    assert {found["Name"] for found in s3.list_buckets()["Buckets"]} == {BUCKET, other}
    odd = s3.get_object(Bucket=other, Key=ODD)
    assert (odd["Body"].read(), odd["ContentType"], odd["Metadata"]) == (b"odd", "text/x-odd", {"sha256": "abc"})
    assert s3.get_object(Bucket=other, Key="copied")["Body"].read() == b"second"
    assert s3.get_object(Bucket=other, Key="large")["Body"].read() == large.read_bytes()
    for key in before:
        s3.delete_object(Bucket=other, Key=key)
    s3.delete_bucket(Bucket=other)


def test_bucket_exists_and_absent_key_is_not_found(s3: Any) -> None:
    s3.head_bucket(Bucket=BUCKET)
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket=BUCKET, Key="absent")


def test_other_services_of_moto_answer_through_the_front(variables: Mapping[str, str]) -> None:
    found = boto3.session.Session().client("sts", region_name=variables["AWS_REGION"]).get_caller_identity()
    assert found["Account"] == "000000000000"


@pytest.mark.parametrize(
    ("faults", "code"),
    [
        (Faults(refuse=True, scope="storage"), "AccessDenied"),
        (Faults(throttle_rate=1, scope="storage"), "SlowDown"),
        (Faults(error_rate=1, scope="storage"), "ServiceUnavailable"),
    ],
    ids=["refused", "throttled", "unavailable"],
)
def test_faults_of_storage_alone(
    variables: Mapping[str, str], sagemaker: Any, sandbox: Sandbox, faults: Faults, code: str
) -> None:
    config = Config(retries={"total_max_attempts": 1})
    s3 = boto3.session.Session().client("s3", region_name=variables["AWS_REGION"], config=config)
    with sandbox.faults("aws", faults):
        with pytest.raises(ClientError) as caught:
            s3.get_object(Bucket=BUCKET, Key="absent")
        assert caught.value.response["Error"]["Code"] == code
        sagemaker.list_models()
