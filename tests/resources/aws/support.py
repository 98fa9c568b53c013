"""What the tests of AWS's adapters share."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import boto3

from intermodal.resources.aws.targets.aws_lambda.target import LambdaTarget
from intermodal.resources.aws.targets.eks.target import EksTarget
from intermodal.resources.aws.targets.sagemaker.target import SageMakerTarget
from intermodal.sandbox.kubernetes.hosted import NAMESPACE
from intermodal.sandbox.settings import CLUSTER, SERVICE_ACCOUNT
from tests.conformance.endpoint_target import Upload


def target_maker(variables: Mapping[str, str]) -> Callable[[], SageMakerTarget]:
    return lambda: make(variables)


def make(variables: Mapping[str, str], **fields: Any) -> SageMakerTarget:
    known = {"region": variables["AWS_REGION"], "role_arn": variables["INTERMODAL_AWS_ROLE_ARN"]}
    return SageMakerTarget(**{**known, "timeout_seconds": 60, "max_attempts": 2, **fields})


def make_lambda(variables: Mapping[str, str], **fields: Any) -> LambdaTarget:
    known = {"region": variables["AWS_REGION"], "role_arn": variables["INTERMODAL_AWS_ROLE_ARN"]}
    return LambdaTarget(**{**known, "timeout_seconds": 60, "max_attempts": 2, **fields})


def uploader(variables: Mapping[str, str]) -> Upload:
    bucket, s3 = variables["INTERMODAL_AWS_BUCKET"], boto3.session.Session().client("s3")

    def put(folder: Path, prefix: str) -> str:
        for path in (path for path in folder.rglob("*") if path.is_file()):
            s3.upload_file(str(path), bucket, f"{prefix}/{path.relative_to(folder).as_posix()}")
        return f"s3://{bucket}/{prefix}"

    return put


def make_eks(variables: Mapping[str, str], **fields: Any) -> EksTarget:
    known = {"region": variables["AWS_REGION"], "cluster": CLUSTER, "service_account": SERVICE_ACCOUNT}
    known |= {"namespace": NAMESPACE, "gateway_cidrs": ["127.0.0.0/8"]}
    return EksTarget(**{**known, "timeout_seconds": 120, "retry_seconds": 5, **fields})
