"""Signatures are verified, not looked at."""

import datetime
from collections.abc import Mapping

import boto3
import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

pytestmark = pytest.mark.sandbox
PATH = "/endpoints/nobody/invocations"


def signed(variables: Mapping[str, str], **changes: str) -> tuple[str, dict[str, str]]:
    """The address and headers of an invocation, signed with our keys or with ``changes`` of them."""
    use = {
        "key": variables["AWS_ACCESS_KEY_ID"],
        "secret": variables["AWS_SECRET_ACCESS_KEY"],
        "region": variables["AWS_REGION"],
        "service": "sagemaker",
    } | changes
    url = variables["AWS_ENDPOINT_URL"] + PATH
    request = AWSRequest("POST", url, headers={"Content-Type": "application/json"}, data=b"{}")
    SigV4Auth(Credentials(use["key"], use["secret"]), use["service"], use["region"]).add_auth(request)
    return url, dict(request.headers.items())


def post(url: str, headers: Mapping[str, str], body: bytes = b"{}") -> tuple[int, str]:
    answer = httpx.post(url, content=body, headers=headers, trust_env=False)
    return answer.status_code, answer.headers.get("x-amzn-errortype", "")


def test_our_own_signature_is_taken(variables: Mapping[str, str]) -> None:
    assert post(*signed(variables)) == (400, "ValidationError")  # no such endpoint: past the door


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"key": "AKIANOBODY"}, "UnrecognizedClientException"),
        ({"secret": "guess"}, "InvalidSignatureException"),
        ({"region": "eu-west-1"}, "InvalidSignatureException"),
    ],
)
def test_wrong_key_is_refused(variables: Mapping[str, str], changes: dict[str, str], code: str) -> None:
    assert post(*signed(variables, **changes)) == (403, code)


def test_another_body_is_refused(variables: Mapping[str, str]) -> None:
    assert post(*signed(variables), body=b'{"another": 1}') == (403, "InvalidSignatureException")


def test_another_path_is_refused(variables: Mapping[str, str]) -> None:
    url, headers = signed(variables)
    assert post(url.replace("nobody", "somebody"), headers) == (403, "InvalidSignatureException")


def test_no_signature_is_refused(variables: Mapping[str, str]) -> None:
    assert post(variables["AWS_ENDPOINT_URL"] + PATH, {}) == (403, "MissingAuthenticationTokenException")
    assert post(variables["AWS_ENDPOINT_URL"] + PATH, {"Authorization": "Bearer x"})[0] == 403


def test_old_signature_is_refused(variables: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    past = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: past)
    assert post(*signed(variables)) == (403, "InvalidSignatureException")


def test_storage_and_control_plane_refuse_a_wrong_key_too(variables: Mapping[str, str]) -> None:
    session = boto3.session.Session(variables["AWS_ACCESS_KEY_ID"], "guess", region_name=variables["AWS_REGION"])
    for call in (session.client("s3").list_buckets, session.client("sagemaker").list_models):
        with pytest.raises(ClientError) as caught:
            call()
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
