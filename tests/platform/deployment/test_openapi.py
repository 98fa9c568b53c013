"""What a client gets to call a model: the OpenAPI document, the page, and the requests to copy."""

import json

import jsonschema
import pytest

from intermodal.platform.deployment.openapi import curl_of, document_of, example_of, python_of
from intermodal.platform.deployment.try_page import page_of
from intermodal.platform.ports.gateway import Route
from intermodal.platform.protocol import v2
from intermodal.platform.protocol.signature import TIMESTAMP, Column, Output, Signature
from tests.targets import AWS

SIGNATURE = Signature(
    (
        Column("size", "FP64"),
        Column("it's <b>", "BYTES", True),
        Column("when", "BYTES", dtype=TIMESTAMP),
        Column("count", "UINT8"),
    ),
    (Output("probability", labels=("no", "yes")), Output("label", "BYTES", labels=("no", "yes"))),
)
ROW = {"size": 1.5, "it's <b>": None, "when": "2024-01-01T00:00:00Z", "count": 3}


def route(golden: str = v2.golden_body(SIGNATURE, [ROW]).decode()) -> Route:
    return Route("wine", "1.2.0", {AWS: 1}, SIGNATURE.metadata("wine", "1.2.0"), golden)


def request_schema() -> dict[str, object]:
    infer = document_of(route())["paths"]["/v2/models/wine/infer"]["post"]
    return dict(infer["requestBody"]["content"]["application/json"]["schema"])


def test_document_takes_its_own_example_and_refuses_others() -> None:
    jsonschema.Draft202012Validator.check_schema(request_schema())
    jsonschema.validate(example_of(route()), request_schema())
    for wrong in ({}, {"inputs": [{"name": "size", "datatype": "FP64", "shape": [1], "data": ["text"]}]}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, request_schema())


def test_document_has_each_answer_of_the_model() -> None:
    infer = document_of(route())["paths"]["/v2/models/wine/infer"]["post"]
    assert sorted(infer["responses"]) == ["200", "400", "413", "422", "503"]
    answer = {"outputs": [{"name": "probability", "datatype": "FP64", "shape": [1], "data": [0.5]}]}
    jsonschema.validate(answer, infer["responses"]["200"]["content"]["application/json"]["schema"])


def test_example_is_logged_as_a_callers_request() -> None:
    assert "id" not in example_of(route())


def test_page_shows_names_as_text() -> None:
    page = page_of(route())
    assert "<code>it&#x27;s &lt;b&gt;</code>" in page
    assert "it's <b>" not in page
    assert "a point in time (RFC 3339)" in page
    assert 'fetch("infer"' in page  # beside the page, which is at /v2/models/wine/try
    assert "http://" not in page
    assert "https://" not in page


def test_requests_to_copy_have_the_body_whole() -> None:
    example = example_of(route())
    quoted = curl_of(route(), "http://127.0.0.1:8080").partition("-d '")[2].removesuffix("'")
    assert json.loads(quoted.replace("'\\''", "'")) == example
    (body,) = [line for line in python_of(route(), "http://x").splitlines() if line.startswith("body = ")]
    assert eval(body.removeprefix("body = ")) == example


def test_route_without_a_v2_body_has_a_document() -> None:
    assert example_of(route("golden")) == {"inputs": []}
    assert document_of(route("golden"))["info"]["title"] == "wine"
