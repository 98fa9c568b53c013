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
from intermodal.platform.ports.endpoints import AwsSignature, BearerToken, ErrorEnvelope, Upstream
from intermodal.platform.protocol.envelope import MAX_BODY_BYTES
from tests.resources.envoy.certificates import make_certificate
from tests.resources.envoy.conftest import Model, target_of, until
from tests.resources.envoy.load import drive
from tests.resources.envoy.upstreams import Answer, FakeUpstream, always, predicted
from tests.targets import AWS, AZURE, GCP, TARGETS

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
    url = f"http://127.0.0.1:{model.fakes[AWS].port}{PATH}"
    model.gateway.publish(model.route({AWS: 1}), [Upstream(AWS, model.version, url, credential)])


def test_aws_requests_are_signed_as_they_are_sent(model: Model) -> None:
    model.fakes[AWS].answer = signed_with("right")
    publish_aws(model, "right")
    assert model.infer(headers={"authorization": "AWS4-HMAC-SHA256 mine"}, params={"a": "b"}).status_code == 200
    assert model.fakes[AWS].last_path == PATH
    assert model.infer(content=b"x" * MAX_BODY_BYTES).status_code == 200
    assert model.healthy() == {AWS}


def test_wrong_key_means_that_the_target_cannot_serve(model: Model) -> None:
    model.fakes[AWS].answer = signed_with("right")
    publish_aws(model, "wrong")
    assert model.infer().status_code == 503
    until(lambda: model.healthy() == set())


def test_refreshed_session_is_used_without_a_failed_request(model: Model) -> None:
    old, new = signed_with("old", "session-1"), signed_with("new", "session-2")
    publish_aws(model, "old", "session-1")

    def either(request: web.Request, body: bytes) -> web.StreamResponse:
        answer = old(request, body)
        return answer if answer.status == 200 else new(request, body)

    model.fakes[AWS].answer = either
    outcome = drive(f"{model.url}/infer", 2, 100, lambda: publish_aws(model, "new", "session-2"))
    assert outcome.failed == []
    model.fakes[AWS].answer = new
    until(lambda: model.infer().status_code == 200)


def test_refreshed_token_rewrites_one_file(model: Model) -> None:
    model.credentials = {target: BearerToken("one") for target in TARGETS}
    model.publish({GCP: 1})
    folder = Path(model.gateway.directory)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.json")}
    model.credentials[GCP] = BearerToken("two", expires_at=2e9)
    model.publish({GCP: 1})
    changed = [path for path in folder.rglob("*.json") if path.stat().st_mtime_ns != before.get(path)]
    assert [path.parent.name for path in changed] == ["secrets"]
    until(lambda: model.infer() and model.fakes[GCP].last_headers["authorization"] == "Bearer two")


def test_expired_token_fails_over(model: Model) -> None:
    model.publish({GCP: 1, AZURE: 1})
    model.fakes[GCP].answer = always(401)
    assert {target_of(model.infer()) for _ in range(6)} == {AZURE}


def test_credential_of_two_lines_is_refused(model: Model) -> None:
    with pytest.raises(SpecError, match="one line"):
        publish_aws(model, "right\nrole_arn=evil")


def test_https_is_checked_against_the_bundle(model: Model, tmp_path: Path) -> None:
    authority, certificate, key = make_certificate(tmp_path, "localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    secure = FakeUpstream(context)
    try:
        trusting = model.gateway.model_copy(update={"ca_bundle": str(authority)})
        right = Upstream(AZURE, "1.0.0", f"https://localhost:{secure.port}/score?api-version=1", BearerToken("key"))
        trusting.publish(model.route({AZURE: 1}), [right])
        assert model.infer().status_code == 200
        assert secure.last_path == "/score?api-version=1"
        assert secure.last_headers["authorization"] == "Bearer key"
        other_name = Upstream(AZURE, "1.0.0", f"https://127.0.0.2:{secure.port}/score", BearerToken("key"))
        trusting.publish(model.route({AZURE: 1}), [other_name])
        assert model.infer().status_code == 503
        model.gateway.publish(model.route({AZURE: 1}), [right])
        assert model.infer().status_code == 503
    finally:
        secure.close()


def test_echo_of_an_upstream_does_not_contain_the_token(model: Model) -> None:
    model.credentials = {GCP: BearerToken("the-gateways-own")}
    model.fakes[GCP].answer = lambda request, _body: web.Response(
        status=500, text=json.dumps(dict(request.headers)), headers={"authorization": request.headers["authorization"]}
    )
    model.publish({GCP: 1})
    answer = model.infer()
    assert answer.status_code == 503
    assert "the-gateways-own" not in answer.text + str(answer.headers)


def test_credential_is_renewed_alone_with_its_expiry(model: Model) -> None:
    model.credentials = {target: BearerToken("one") for target in TARGETS}
    model.credentials[GCP] = BearerToken("one", expires_at=1e9)
    model.publish({GCP: 1, AZURE: 1})
    assert model.gateway.credential_expiry(model.name) == {GCP: 1e9}
    fresh = next(upstream for upstream in model.upstreams() if upstream.target == GCP)
    model.gateway.renew(model.name, replace(fresh, credential=BearerToken("two", expires_at=2e9)))
    assert model.gateway.credential_expiry(model.name) == {GCP: 2e9}
    until(lambda: model.infer() and model.fakes[GCP].last_headers.get("authorization") == "Bearer two")
    assert model.gateway.route(model.name) == model.route({GCP: 1, AZURE: 1})


def test_renew_after_an_upgrade_that_changes_headers_or_errors_reaches_the_upstream(model: Model) -> None:
    """The adapter of a newer release describes the endpoint otherwise than the route that is published."""
    model.credentials = {GCP: BearerToken("one", expires_at=1e9)}
    model.publish({GCP: 1})
    fresh = replace(
        next(upstream for upstream in model.upstreams() if upstream.target == GCP),
        credential=BearerToken("two", expires_at=2e9),
        id_header="x-new-id",
        errors=ErrorEnvelope(424),
    )
    model.gateway.renew(model.name, fresh)
    assert model.gateway.credential_expiry(model.name) == {GCP: 2e9}
    until(lambda: model.infer() and model.fakes[GCP].last_headers.get("authorization") == "Bearer two")
    for other in (replace(fresh, url=f"{fresh.url}/other"), replace(fresh, version="2.0.0")):
        with pytest.raises(NotFound):
            model.gateway.renew(model.name, other)


def test_a_credential_for_an_upstream_that_is_not_there_is_refused(model: Model) -> None:
    model.publish({GCP: 1})
    other = next(upstream for upstream in model.upstreams() if upstream.target == AWS)
    with pytest.raises(NotFound, match=str(AWS)):
        model.gateway.renew(model.name, other)
