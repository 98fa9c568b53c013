"""Tokens of EKS: what the adapter makes is taken; anything changed in it is not."""

import base64
from dataclasses import replace

import pytest

from intermodal.resources.aws.targets.eks.cluster import token
from intermodal.sandbox.aws import eks_token
from intermodal.sandbox.aws.signature import Verifier

VERIFIER = Verifier("AKIATEST", "a-secret", "sts", "us-east-1")


@pytest.fixture
def text(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", VERIFIER.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", VERIFIER.secret)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    return token("models", "us-east-1").token


def changed(text: str, old: str, new: str) -> str:
    url = base64.urlsafe_b64decode(text.removeprefix("k8s-aws-v1.") + "==").decode()
    assert old in url
    return "k8s-aws-v1." + base64.urlsafe_b64encode(url.replace(old, new).encode()).decode().rstrip("=")


def test_token_of_the_adapter_is_valid_for_its_cluster(text: str) -> None:
    assert eks_token.valid(text, VERIFIER, "models")
    assert not eks_token.valid(text, VERIFIER, "others")


@pytest.mark.parametrize(
    "verifier",
    [replace(VERIFIER, secret="x"), replace(VERIFIER, access_key="AKIAOTHER"), replace(VERIFIER, region="eu-west-1")],
    ids=["secret", "key", "region"],
)
def test_token_of_another_key_or_region_is_not_valid(text: str, verifier: Verifier) -> None:
    assert not eks_token.valid(text, verifier, "models")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Expires=60", "Expires=900"),
        ("Expires=60", "Expires=6000"),
        ("https://sts.", "http://sts."),
        ("sts.us-east-1", "sts.us-east-1.attacker"),
        ("GetCallerIdentity", "GetSessionToken"),
        ("%3Bx-k8s-aws-id", ""),
    ],
)
def test_token_that_was_changed_is_not_valid(text: str, old: str, new: str) -> None:
    assert not eks_token.valid(changed(text, old, new), VERIFIER, "models")


@pytest.mark.parametrize("junk", ["", "k8s-aws-v1.", "k8s-aws-v1.%%%", "k8s-aws-v1.aHR0cHM6Ly9h", "Bearer"])
def test_junk_is_no_token(junk: str) -> None:
    assert not eks_token.valid(junk, VERIFIER, "models")


def test_padded_token_is_not_valid(text: str) -> None:
    assert not eks_token.valid(text + "=", VERIFIER, "models")
