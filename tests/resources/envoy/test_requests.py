"""What a client of the gateway sees: predictions, metadata, readiness, and errors in V2's form."""

from pathlib import Path

import httpx
import pytest
from aiohttp import web

from intermodal.platform.errors import NotFound, SpecError, Throttled, Unavailable
from intermodal.platform.ports.endpoints import AwsSignature, BearerToken, ErrorEnvelope, Upstream
from intermodal.platform.protocol.envelope import MAX_BODY_BYTES
from intermodal.resources.envoy.gateway import EnvoyGateway
from tests.resources.envoy.conftest import GOLDEN, Model, running, target_of, until
from tests.resources.envoy.load import drive
from tests.resources.envoy.upstreams import Answer, always, predicted, sagemaker_error
from tests.targets import AWS, AWS_EU, AZURE, GCP, TARGETS


def error_of(answer: httpx.Response) -> str:
    assert answer.headers["content-type"] == "application/json"
    return str(answer.json()["error"])


def test_prediction_names_its_target_and_no_internal_header(model: Model) -> None:
    model.fakes[AWS].answer = always(
        200, "{}", x_intermodal_version="9.9.9", server="gunicorn", set_cookie="a=b", authorization="Bearer leaked"
    )
    model.publish({AWS: 1})
    answer = model.infer()
    assert answer.status_code == 200
    assert target_of(answer) == AWS
    assert answer.headers["x-intermodal-version"] == "1.0.0"
    assert not {"server", "set-cookie", "authorization"} & set(answer.headers)
    assert not [name for name in answer.headers if name.startswith("x-envoy")]


def test_upstream_gets_its_own_url_and_no_client_credentials(model: Model) -> None:
    model.credentials = {GCP: BearerToken("the-gateways-own")}
    model.publish({AWS: 1})
    headers = {
        "authorization": "Bearer client", "cookie": "a=b", "x-amz-security-token": "x", "x-envoy-max-retries": "0",
        "azureml-model-deployment": "canary", "x-api-key": "k",
    }  # fmt: skip
    assert model.infer(headers=headers, params={"q": "1"}).status_code == 200
    assert model.fakes[AWS].last_path == "/score"
    assert not set(headers) & set(model.fakes[AWS].last_headers)
    model.publish({GCP: 1})
    assert model.infer(headers=headers).status_code == 200
    assert model.fakes[GCP].last_headers["authorization"] == "Bearer the-gateways-own"


def test_tries_of_a_request_carry_the_gateways_id(model: Model) -> None:
    tries: list[dict[str, str]] = []

    def refuse(request: web.Request, body: bytes) -> web.StreamResponse:
        if "x-intermodal-probe" in request.headers:
            return predicted(request, body)
        tries.append({name.lower(): value for name, value in request.headers.items()})
        return web.Response(status=500)

    model.serve(AWS, AWS_EU)
    model.credentials = dict.fromkeys((AWS, AWS_EU), AwsSignature("sagemaker", "eu-west-1", "AKID", "secret"))
    model.fakes[AWS].answer = model.fakes[AWS_EU].answer = refuse
    model.publish()
    model.infer(headers={"x-request-id": "x", "x-amzn-sagemaker-custom-attributes": "x"})
    ids = {sent[name] for sent in tries for name in ("x-request-id", "x-amzn-sagemaker-custom-attributes")}
    assert len(tries) > 1
    assert len(ids) == 1
    assert ids != {"x"}


def test_weights_are_shares_and_zero_is_none(model: Model) -> None:
    model.publish({AWS: 60, GCP: 40, AZURE: 0})
    outcome = drive(f"{model.url}/infer", 2, 200)
    assert not outcome.failed
    assert outcome.targets[AZURE] == 0
    assert 0.45 < outcome.targets[AWS] / outcome.targets.total() < 0.75
    assert model.healthy() == {AWS, GCP, AZURE}


def test_only_the_served_version_is_found(model: Model) -> None:
    model.publish()
    assert httpx.post(f"{model.url}/versions/1.0.0/infer", content=GOLDEN).status_code == 200
    other = httpx.post(f"{model.url}/versions/2.0.0/infer", content=GOLDEN)
    assert other.status_code == 404
    assert "version 1.0.0" in error_of(other)


def test_metadata_and_health(model: Model) -> None:
    model.publish()
    assert httpx.get(model.url).json() == model.route().metadata
    assert httpx.get(f"{model.url}/versions/1.0.0").json()["name"] == model.name
    assert httpx.get(f"{model.gateway.url}/v2").json()["name"] == "intermodal-gateway"
    for path in ("live", "ready"):
        assert httpx.get(f"{model.gateway.url}/v2/health/{path}").status_code == 200


def test_ready_means_that_some_upstream_answers_the_golden_row(model: Model) -> None:
    model.publish()
    for target in TARGETS:
        answer = httpx.get(f"{model.url}/ready")
        assert (answer.status_code, answer.json()["ready"]) == (200, True)
        model.fakes[target].kill()
    answer = httpx.get(f"{model.url}/ready")
    assert (answer.status_code, answer.json()["ready"]) == (503, False)
    assert model.name in error_of(answer)
    down = model.infer()
    assert down.status_code == 503
    assert error_of(down)
    until(lambda: model.healthy() == set())
    assert model.infer().status_code == 503
    model.fakes[GCP].start()
    # Another test's server may have taken the port of a dead target meanwhile, and answer instead.
    until(lambda: target_of(model.infer()) == GCP)


def test_errors_have_the_form_of_v2(model: Model) -> None:
    model.publish()
    unknown = httpx.post(f"{model.gateway.url}/v2/models/nobody/infer", content=GOLDEN)
    assert unknown.status_code == 404
    assert "this gateway serves:" in error_of(unknown)
    assert model.name in error_of(unknown)
    longer = httpx.get(f"{model.url}x")
    assert longer.status_code == 404
    assert "Unknown model" in error_of(longer)
    wrong = httpx.get(f"{model.url}/infer")
    assert wrong.status_code == 405
    assert wrong.headers["allow"] == "POST"
    assert error_of(wrong)
    assert httpx.get(f"{model.gateway.url}/elsewhere").status_code == 404


def test_body_of_the_largest_size_fails_over_complete(model: Model) -> None:
    model.publish({AWS: 1, GCP: 1})
    model.fakes[AWS].answer = always(500)
    for _ in range(4):
        assert model.infer(content=b"x" * MAX_BODY_BYTES).status_code == 200
    assert model.fakes[GCP].last_headers["content-length"] == str(MAX_BODY_BYTES)
    larger = model.infer(content=b"x" * (MAX_BODY_BYTES + 1))
    assert larger.status_code == 413
    assert str(MAX_BODY_BYTES) in error_of(larger)


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_client_error_is_returned_without_another_try(model: Model, status: int) -> None:
    model.publish()
    for fake in model.fakes.values():
        fake.answer = lambda _request, body: (
            predicted(_request, body)
            if body == GOLDEN.encode()
            else always(status, '{"error": "row 3"}')(_request, body)
        )
    answer = model.infer(content="{}")
    assert (answer.status_code, answer.text) == (status, '{"error": "row 3"}')
    assert sum(fake.last_length == 2 for fake in model.fakes.values()) == 1


def test_wrapped_client_error_is_unwrapped(model: Model) -> None:
    model.publish({AWS: 1})
    text = '{"error": "row 3: \\"dep_delay\\" is not a number"}'
    model.fakes[AWS].answer = sagemaker_error(400, text)
    answer = model.infer()
    assert (answer.status_code, answer.text) == (400, text)


def test_client_error_with_its_status_in_a_header_keeps_its_text(model: Model) -> None:
    model.publish({AZURE: 1})
    model.fakes[AZURE].answer = always(424, 'not "json"', ms_azureml_model_error_statuscode="422")
    answer = model.infer()
    assert answer.status_code == 422
    assert error_of(answer) == 'not "json"'


@pytest.mark.parametrize(
    ("answer", "status", "text"),
    [
        (always(520, '{"why.text": "row \\"3\\"", "co-de" : 422}'), 422, 'row "3"'),
        (always(520, '{"co-de": "400"}'), 400, '{"co-de": "400"}'),
        (always(520, "plain", x_status="413"), 413, "plain"),
        (always(520, '{"why.text": "full", "co-de": 503}'), 503, "gcp/cloud-run cannot serve this now"),
        (always(520, '{"whyytext": "row 3", "co-de": 400}'), 400, '{"whyytext": "row 3", "co-de": 400}'),
        (always(400, "no such endpoint", x_platform="yes"), 503, "gcp/cloud-run cannot serve this now"),
        (always(424, '{"OriginalStatusCode": 400, "OriginalMessage": "row 3"}'), 503, "it answered 424"),
    ],
)
def test_error_envelope_is_data(model: Model, answer: Answer, status: int, text: str) -> None:
    errors = ErrorEnvelope(520, "X-Status", "co-de", "why.text", "X-Platform")
    model.gateway.publish(model.route({GCP: 1}), [Upstream(GCP, model.version, model.fakes[GCP].url, errors=errors)])
    model.fakes[GCP].answer = answer
    found = model.infer()
    assert found.status_code == status
    assert text in error_of(found)


@pytest.mark.parametrize("status", [400, 424])
def test_without_an_envelope_no_answer_is_unwrapped(model: Model, status: int) -> None:
    model.publish({GCP: 1})
    text = '{"error": "row 3", "OriginalStatusCode": 400, "OriginalMessage": "row 4"}'
    model.fakes[GCP].answer = always(status, text, x_amzn_errortype="ModelError")
    answer = model.infer()
    assert (answer.status_code, "row 4" in answer.text) == ((400, True) if status == 400 else (503, False))


def test_infer_through_the_resource(model: Model) -> None:
    model.publish({GCP: 1})
    body, target, version = model.gateway.infer(model.name, GOLDEN.encode())
    assert b"outputs" in body
    assert (target, version) == (GCP, "1.0.0")
    with pytest.raises(NotFound, match="this gateway serves"):
        model.gateway.infer("nobody", b"{}")
    model.fakes[GCP].answer = always(400, '{"error": "bad row"}')
    with pytest.raises(SpecError, match="bad row"):
        model.gateway.infer(model.name, b"{}")
    model.fakes[GCP].answer = always(429)
    with pytest.raises(Throttled):
        model.gateway.infer(model.name, b"{}")
    model.fakes[GCP].kill()
    with pytest.raises(Unavailable):
        model.gateway.infer(model.name, b"{}")


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "bogus"])
def test_compressed_body_is_refused_and_ejects_no_target(model: Model, encoding: str) -> None:
    model.publish()
    answer = model.infer(headers={"content-encoding": encoding})
    assert answer.status_code == 415
    assert "compressed" in error_of(answer)
    assert model.infer(headers={"content-encoding": "identity"}).status_code == 200
    assert model.healthy() == set(TARGETS)


def test_gateway_without_routes_is_alive_and_not_ready(tmp_path: Path) -> None:
    with running(tmp_path / "g") as empty:
        assert httpx.get(f"{empty.url}/v2/health/live").status_code == 200
        answer = httpx.get(f"{empty.url}/v2/health/ready")
        assert answer.status_code == 503
        assert "deploy a model" in error_of(answer)
        assert isinstance(empty, EnvoyGateway)
        assert empty.models() == []


def test_infer_at_an_address_that_is_no_gateway_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    other = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, text="<html>")))
    monkeypatch.setattr("intermodal.resources.envoy.gateway.client", lambda: other)
    gateway = EnvoyGateway(directory="/nowhere", url="http://me:secret@web", admin_url="http://web:9901")
    with pytest.raises(Unavailable, match="http://web is not the gateway") as caught:
        gateway.infer("m", b"{}")
    assert "INTERMODAL_GATEWAY_URL" in caught.value.hint


@pytest.mark.parametrize("fail", [httpx.ConnectError, httpx.ReadTimeout])
def test_infer_without_an_answer_does_not_repeat_the_password(
    monkeypatch: pytest.MonkeyPatch, fail: type[httpx.TransportError]
) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise fail(f"no answer from {request.url}")

    monkeypatch.setattr(
        "intermodal.resources.envoy.gateway.client", lambda: httpx.Client(transport=httpx.MockTransport(refuse))
    )
    gateway = EnvoyGateway(directory="/nowhere", url="http://me:secret@web", admin_url="http://web:9901")
    with pytest.raises(Unavailable, match="does not answer at http://web") as caught:
        gateway.infer("m", b"{}")
    assert "secret" not in str(caught.value)


def test_binary_body_reaches_the_upstream_unchanged(model: Model) -> None:
    bodies: list[bytes] = []

    def keep(request: web.Request, body: bytes) -> web.StreamResponse:
        if "x-intermodal-probe" not in request.headers:
            bodies.append(body)
        return predicted(request, body)

    model.fakes[AWS].answer = keep
    model.publish({AWS: 1})
    binary = b'{"inputs": []}' + bytes(range(256))
    headers = {"content-type": "application/octet-stream", "inference-header-content-length": "14"}
    assert model.infer(content=binary, headers=headers).status_code == 200
    assert bodies == [binary]
    assert model.fakes[AWS].last_headers["content-type"] == "application/octet-stream"


def test_model_has_a_document_and_a_page_to_try_it(model: Model) -> None:
    model.publish({AWS: 1})
    document = httpx.get(f"{model.url}/openapi.json")
    assert document.headers["content-type"] == "application/json"
    assert document.json()["info"]["title"] == model.name
    page = httpx.get(f"{model.url}/try")
    assert page.headers["content-type"] == "text/html"
    assert model.name in page.text
