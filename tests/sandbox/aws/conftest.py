"""The sandbox's AWS, as its clients see it."""

from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.sandbox_fixture import Sandbox, sandbox  # noqa: F401


@pytest.fixture(scope="module")
def variables(sandbox: Sandbox) -> Iterator[Mapping[str, str]]:  # noqa: F811
    with pytest.MonkeyPatch.context() as patch:
        yield sandbox.use("aws", patch)


@pytest.fixture(scope="module")
def sagemaker(variables: Mapping[str, str]) -> Any:
    """Validates nothing itself, so that what is refused is refused by the sandbox."""
    config = Config(parameter_validation=False, retries={"total_max_attempts": 1})
    return boto3.session.Session().client("sagemaker", region_name=variables["AWS_REGION"], config=config)


@pytest.fixture(scope="module")
def runtime(variables: Mapping[str, str]) -> Any:
    config = Config(retries={"total_max_attempts": 1})
    return boto3.session.Session().client("sagemaker-runtime", region_name=variables["AWS_REGION"], config=config)


@pytest.fixture(scope="module")
def s3(variables: Mapping[str, str]) -> Any:
    return boto3.session.Session().client("s3", region_name=variables["AWS_REGION"])
