"""Credentials: the signature is checked by botocore's own arithmetic, tokens are replaced without a failed request."""

import hashlib
import json
import ssl
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from intermodal.platform.errors import NotFound, SpecError
from intermodal.platform.ports.endpoints import AwsSignature, BearerToken, Upstream
from intermodal.platform.protocol.envelope import MAX_BODY_BYTES
from intermodal.platform.targets import CLOUDS
from tests.resources.envoy.certificates import make_certificate
from tests.resources.envoy.conftest import Model, until
from tests.resources.envoy.load import drive
from tests.resources.envoy.upstreams import Answer, FakeUpstream, always, predicted

PATH = "/endpoints/flight-delay-1-0-0/invocations"


def signed_with(secret: str, token: str | None = None) -> Answer:
    """Answer only what botocore would have signed alike with this key, over path, headers and body."""

    def check(request: web.Request, body: bytes) -> web.StreamResponse:
        authorization = request.headers.get("authorization", "")
        fields = dict(part.strip().split("=", 1) for part in authorization.partition(" ")[2].split(","))
        if not fields or request.headers.get("x-amz-security-token") != token:
            return web.Response(status=403)
        again = AWSRequest("POST", f"http://{request.host}{request.raw_path}", data=body)
        for name in fields["SignedHeaders"].split(";"):
            again.headers[name] = request.headers[name]
        again.context["timestamp"] = request.headers["x-amz-date"]
        auth = SigV4Auth(Credentials("AKID", secret, token), "sagemaker", "eu-west-1")
        canonical = auth.canonical_request(again)
        expected = auth.signature(auth.string_to_sign(again, canonical), again)
        true_body = request.headers["x-amz-content-sha256"] == hashlib.sha256(body).hexdigest()
        covered = true_body and {"host", "x-amz-date", "x-amz-content-sha256"} <= set(
            fields["SignedHeaders"].split(";")
        )
        return predicted(request, body) if covered and expected == fields["Signature"] else web.Response(status=403)

    return check


def publish_aws(model: Model, secret: str, token: str = "") -> None:
    credential = AwsSignature("sagemaker", "eu-west-1", "AKID", secret, token)
    url = f"http://127.0.0.1:{model.clouds['aws'].port}{PATH}"
    model.gateway.publish(model.route(aws=1), [Upstream("aws", model.version, url, credential)])


def test_aws_requests_are_signed_as_they_are_sent(model: Model) -> None:
    model.clouds["aws"].answer = signed_with("right")
    publish_aws(model, "right")
    assert model.infer(headers={"authorization": "AWS4-HMAC-SHA256 mine"}, params={"a": "b"}).status_code == 200
    assert model.clouds["aws"].last_path == PATH
    assert model.infer(content=b"x" * MAX_BODY_BYTES).status_code == 200
    assert model.healthy() == {"aws"}


def test_a_wrong_key_is_a_cloud_that_cannot_serve(model: Model) -> None:
    model.clouds["aws"].answer = signed_with("right")
    publish_aws(model, "wrong")
    assert model.infer().status_code == 503
    until(lambda: model.healthy() == set())


def test_a_refreshed_session_is_taken_without_a_failed_request(model: Model) -> None:
    old, new = signed_with("old", "session-1"), signed_with("new", "session-2")
    publish_aws(model, "old", "session-1")

    def either(request: web.Request, body: bytes) -> web.StreamResponse:
        answer = old(request, body)
        return answer if answer.status == 200 else new(request, body)

    model.clouds["aws"].answer = either
    outcome = drive(f"{model.url}/infer", 2, 100, lambda: publish_aws(model, "new", "session-2"))
    assert outcome.failed == []
    model.clouds["aws"].answer = new
    until(lambda: model.infer().status_code == 200)


def test_a_refreshed_token_rewrites_one_file(model: Model) -> None:
    model.credentials = {cloud: BearerToken("one") for cloud in CLOUDS}
    model.publish(gcp=1)
    folder = Path(model.gateway.directory)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.json")}
    model.credentials["gcp"] = BearerToken("two", expires_at=2e9)
    model.publish(gcp=1)
    changed = [path for path in folder.rglob("*.json") if path.stat().st_mtime_ns != before.get(path)]
    assert [path.parent.name for path in changed] == ["secrets"]
    until(lambda: model.infer() and model.clouds["gcp"].last_headers["authorization"] == "Bearer two")


def test_an_expired_token_fails_over(model: Model) -> None:
    model.publish(gcp=1, azure=1)
    model.clouds["gcp"].answer = always(401)
    assert {model.infer().headers["x-intermodal-cloud"] for _ in range(6)} == {"azure"}


def test_a_credential_of_two_lines_is_refused(model: Model) -> None:
    with pytest.raises(SpecError, match="one line"):
        publish_aws(model, "right\nrole_arn=evil")


def test_https_is_checked_against_the_bundle(model: Model, tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path, "localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    secure = FakeUpstream(context)
    try:
        trusting = model.gateway.model_copy(update={"ca_bundle": str(certificate)})
        right = Upstream("azure", "1.0.0", f"https://localhost:{secure.port}/score?api-version=1", BearerToken("key"))
        trusting.publish(model.route(azure=1), [right])
        assert model.infer().status_code == 200
        assert secure.last_path == "/score?api-version=1"
        assert secure.last_headers["authorization"] == "Bearer key"
        other_name = Upstream("azure", "1.0.0", f"https://127.0.0.2:{secure.port}/score", BearerToken("key"))
        trusting.publish(model.route(azure=1), [other_name])
        assert model.infer().status_code == 503
        model.gateway.publish(model.route(azure=1), [right])
        assert model.infer().status_code == 503
    finally:
        secure.close()


def test_an_upstream_that_echoes_does_not_hand_out_the_token(model: Model) -> None:
    model.credentials = {"gcp": BearerToken("the-gateways-own")}
    model.clouds["gcp"].answer = lambda request, _body: web.Response(
        status=500, text=json.dumps(dict(request.headers)), headers={"authorization": request.headers["authorization"]}
    )
    model.publish(gcp=1)
    answer = model.infer()
    assert answer.status_code == 503
    assert "the-gateways-own" not in answer.text + str(answer.headers)


def test_a_credential_is_renewed_alone_and_tells_when_it_expires(model: Model) -> None:
    model.credentials = {cloud: BearerToken("one") for cloud in CLOUDS}
    model.credentials["gcp"] = BearerToken("one", expires_at=1e9)
    model.publish(gcp=1, azure=1)
    assert model.gateway.credential_expiry(model.name) == {"gcp": 1e9}
    fresh = next(upstream for upstream in model.upstreams() if upstream.cloud == "gcp")
    model.gateway.renew(model.name, replace(fresh, credential=BearerToken("two", expires_at=2e9)))
    assert model.gateway.credential_expiry(model.name) == {"gcp": 2e9}
    until(lambda: model.infer() and model.clouds["gcp"].last_headers.get("authorization") == "Bearer two")
    assert model.gateway.route(model.name) == model.route(gcp=1, azure=1)


def test_a_credential_for_an_upstream_that_is_not_there_is_refused(model: Model) -> None:
    model.publish(gcp=1)
    other = next(upstream for upstream in model.upstreams() if upstream.cloud == "aws")
    with pytest.raises(NotFound, match="aws"):
        model.gateway.renew(model.name, other)
