"""What Lambda's callers see of a function of an image: states, versions, weights, URLs, throttling and refusals."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from intermodal.platform.ports.endpoints import AwsSignature, Upstream
from intermodal.platform.protocol import v2
from intermodal.platform.protocol.package import Golden, Package
from intermodal.resources.aws import identity
from intermodal.resources.aws.targets.aws_lambda.plan import ADAPTER, event
from intermodal.sandbox.faults import Faults
from tests import tiny_package
from tests.conformance.callers import send
from tests.sandbox_fixture import Sandbox
from tests.targets import LAMBDA

pytestmark = pytest.mark.sandbox
NAME = "weighted"


@pytest.fixture(scope="module")
def functions(variables: Mapping[str, str]) -> Any:
    """Validates nothing itself, so that what is refused is refused by the sandbox."""
    config = Config(parameter_validation=False, retries={"total_max_attempts": 1})
    return boto3.session.Session().client("lambda", region_name=variables["AWS_REGION"], config=config)


@pytest.fixture(scope="module")
def package(s3: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tiny_package.build(tmp_path_factory.mktemp("package"))
    for path in folder.iterdir():
        s3.upload_file(str(path), "intermodal", f"weighted/{path.name}")
    return folder


def content(variables: Mapping[str, str], version: str) -> dict[str, Any]:
    environment = {**ADAPTER, "MODEL_URI": "s3://intermodal/weighted", "INTERMODAL_VERSION": version}
    return {"Role": variables["INTERMODAL_AWS_ROLE_ARN"], "Timeout": 30, "Environment": {"Variables": environment}}


def until_active(functions: Any, qualifier: str = "$LATEST") -> None:
    deadline = time.monotonic() + 30
    while True:
        found = functions.get_function_configuration(FunctionName=NAME, Qualifier=qualifier)
        if found["State"] == "Active" and found["LastUpdateStatus"] == "Successful":
            return
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture(scope="module")
def url(functions: Any, variables: Mapping[str, str], package: Path, sandbox: Sandbox) -> Iterator[str]:
    """Of an alias with two versions, 1.0.0 and 2.0.0."""
    assert package.exists()
    code = {"ImageUri": variables["INTERMODAL_AWS_IMAGE"]}
    with sandbox.faults("aws", Faults(slow_start_seconds=0.5)):
        created = functions.create_function(
            FunctionName=NAME, PackageType="Image", Code=code, **content(variables, "1.0.0")
        )
        assert (created["State"], created["StateReasonCode"]) == ("Pending", "Creating")
        with pytest.raises(ClientError, match=r"ResourceConflictException.*Pending"):
            functions.publish_version(FunctionName=NAME)
    until_active(functions)
    assert functions.publish_version(FunctionName=NAME)["Version"] == "1"
    assert functions.publish_version(FunctionName=NAME)["Version"] == "1"  # nothing changed
    functions.update_function_configuration(FunctionName=NAME, **content(variables, "2.0.0"))
    until_active(functions)
    assert functions.publish_version(FunctionName=NAME)["Version"] == "2"
    for number in ("1", "2"):
        until_active(functions, number)
    functions.create_alias(FunctionName=NAME, Name="live", FunctionVersion="1")
    opened = functions.create_function_url_config(FunctionName=NAME, Qualifier="live", AuthType="AWS_IAM")
    assert opened["FunctionArn"].endswith(f":{NAME}:live")
    yield opened["FunctionUrl"]
    functions.delete_function(FunctionName=NAME)


@pytest.fixture
def versions(url: str, package: Path, variables: Mapping[str, str]) -> Callable[[int], set[str]]:
    """The versions of the servers that answer so many requests to the URL."""
    body = v2.request_body(Package.read(package).signature, Golden.read(package).rows)
    upstream = Upstream(LAMBDA, "", f"{url}invocations", identity.signature("lambda", variables["AWS_REGION"]))

    def send_all(count: int) -> set[str]:
        answers = [send(upstream, body) for _ in range(count)]
        assert {answer.status_code for answer in answers} == {200}
        return {answer.json()["model_version"] for answer in answers}

    return send_all


def shift(functions: Any, weight: float) -> None:
    routing = {"AdditionalVersionWeights": {"2": weight} if weight else {}}
    functions.update_alias(FunctionName=NAME, Name="live", RoutingConfig=routing)


def test_alias_weights_divide_the_requests(functions: Any, versions: Callable[[int], set[str]]) -> None:
    assert versions(3) == {"1.0.0"}
    shift(functions, 1.0)
    assert versions(3) == {"2.0.0"}
    shift(functions, 0.5)
    assert versions(60) == {"1.0.0", "2.0.0"}  # fails once in 2^59
    shift(functions, 0)
    assert versions(3) == {"1.0.0"}


@pytest.mark.parametrize("wrong", ["no signature", "another key", "another service"])
def test_url_answers_signed_requests_only(url: str, variables: Mapping[str, str], wrong: str) -> None:
    key = identity.signature("lambda", variables["AWS_REGION"])
    credential = {
        "no signature": None,
        "another key": AwsSignature("lambda", key.region, key.access_key_id, "x" * 40),
        "another service": identity.signature("sagemaker", key.region),
    }[wrong]
    answer = send(Upstream(LAMBDA, "", f"{url}invocations", credential), b"{}")
    assert answer.status_code == 403
    assert "x-amzn-errortype" in answer.headers


def test_reserved_concurrency_of_none_throttles(functions: Any, url: str) -> None:
    assert url
    functions.put_function_concurrency(FunctionName=NAME, ReservedConcurrentExecutions=0)
    try:
        with pytest.raises(ClientError) as caught:
            functions.invoke(FunctionName=NAME, Qualifier="live", Payload=event("GET", "/v2/health/ready"))
    finally:
        functions.delete_function_concurrency(FunctionName=NAME)
    assert caught.value.response["Error"]["Code"] == "TooManyRequestsException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429


def test_server_that_does_not_start_is_a_function_error_with_its_log(
    functions: Any, variables: Mapping[str, str]
) -> None:
    members = content(variables, "1.0.0")
    members["Environment"]["Variables"]["MODEL_URI"] = "s3://intermodal/nowhere"
    code = {"ImageUri": variables["INTERMODAL_AWS_IMAGE"]}
    functions.create_function(FunctionName="broken", PackageType="Image", Code=code, **members)
    try:
        functions.get_waiter("function_active_v2").wait(FunctionName="broken", WaiterConfig={"Delay": 0.1})
        answer = functions.invoke(FunctionName="broken", LogType="Tail", Payload=event("GET", "/v2/health/ready"))
        assert answer["FunctionError"] == "Unhandled"
        assert json.loads(answer["Payload"].read())["errorType"] == "Runtime.ExitError"
        assert answer["LogResult"]
    finally:
        functions.delete_function(FunctionName="broken")


REFUSED = [
    ("get_function", {"FunctionName": "unknown"}, "ResourceNotFoundException"),
    ("get_alias", {"FunctionName": NAME, "Name": "unknown"}, "ResourceNotFoundException"),
    ("create_alias", {"FunctionName": NAME, "Name": "x", "FunctionVersion": "9"}, "ResourceNotFoundException"),
    ("update_alias", {"FunctionName": NAME, "Name": "live", "RevisionId": "x"}, "PreconditionFailedException"),
    ("publish_version", {"FunctionName": NAME, "RevisionId": "x"}, "PreconditionFailedException"),
    ("delete_function", {"FunctionName": NAME, "Qualifier": "1"}, "ResourceConflictException"),
    ("update_function_code", {"FunctionName": NAME, "ImageUri": "x/y:1"}, "InvalidParameterValueException"),
    ("update_function_configuration", {"FunctionName": NAME, "Timeout": 9999}, "InvalidParameterValueException"),
    ("update_function_configuration", {"FunctionName": NAME, "Layers": []}, "NotImplemented"),
    ("invoke", {"FunctionName": NAME, "InvocationType": "Event"}, "NotImplemented"),
    ("invoke", {"FunctionName": NAME, "Payload": b'{"rows": 1}'}, "NotImplemented"),
    ("list_layers", {}, "NotImplemented"),
]


@pytest.mark.parametrize(("call", "members", "code"), REFUSED, ids=[f"{call}-{code}" for call, _, code in REFUSED])
def test_what_is_wrong_or_not_emulated_is_refused(
    functions: Any, url: str, call: str, members: dict[str, Any], code: str
) -> None:
    assert url
    with pytest.raises(ClientError) as caught:
        getattr(functions, call)(**members)
    assert caught.value.response["Error"]["Code"] == code
