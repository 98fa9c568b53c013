"""Lambda's answers as the adapter reads them."""

import io
import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber

from intermodal.platform.errors import SpecError, Unavailable
from intermodal.resources.aws.targets.aws_lambda.api import Lambda


@pytest.fixture
def client() -> Any:
    keys = {"aws_access_key_id": "unknown", "aws_secret_access_key": "wrong"}
    return boto3.session.Session().client("lambda", "us-east-1", **keys)


@pytest.fixture
def stub(client: Any) -> Iterator[Stubber]:
    with Stubber(client) as stub:
        yield stub


def answer(document: dict[str, Any], **members: Any) -> dict[str, Any]:
    text = json.dumps(document).encode()
    return {"StatusCode": 200, "Payload": StreamingBody(io.BytesIO(text), len(text)), **members}


def test_names_are_of_every_page_and_of_images_only(client: Any, stub: Stubber) -> None:
    zipped, image = ({"FunctionName": kind.lower(), "PackageType": kind} for kind in ("Zip", "Image"))
    stub.add_response("list_functions", {"Functions": [zipped, image], "NextMarker": "2"})
    stub.add_response("list_functions", {"Functions": [image | {"FunctionName": "last"}]})
    assert list(Lambda(client).names()) == ["image", "last"]


def test_predict_reads_text_that_is_not_base64(client: Any, stub: Stubber) -> None:
    stub.add_response("invoke", answer({"statusCode": 200, "body": "{}", "isBase64Encoded": False}))
    assert Lambda(client).predict("f", b"{}") == b"{}"


@pytest.mark.parametrize(
    ("document", "members", "error", "part"),
    [
        ({"statusCode": 422, "body": "no column"}, {}, SpecError, "no column"),
        ({"statusCode": 500, "body": "broken"}, {}, Unavailable, "broken"),
        ({"errorMessage": "Task timed out"}, {"FunctionError": "Unhandled"}, Unavailable, "Task timed out"),
        ({}, {}, Unavailable, "502"),
    ],
)
def test_predict_what_is_no_prediction_is_an_error(
    client: Any, stub: Stubber, document: dict[str, Any], members: dict[str, Any], error: type[Exception], part: str
) -> None:
    stub.add_response("invoke", answer(document, **members))
    with pytest.raises(error, match=part):
        Lambda(client).predict("f", b"{}")
