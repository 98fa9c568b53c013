"""Credentials of Google Cloud: what a person reads when they are missing or their issuer does not answer."""

import json
from pathlib import Path

import pytest

from intermodal.platform.errors import Refused, Unavailable
from intermodal.resources.gcp import identity
from intermodal.sandbox.gcp import identity as sandbox_identity
from intermodal.sandbox.settings import Ports, Settings, free_port


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A service-account file whose token server nobody runs."""
    variables = sandbox_identity.variables(Settings(tmp_path, Ports(gcp=free_port())))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", variables["GOOGLE_APPLICATION_CREDENTIALS"])
    return Path(variables["GOOGLE_APPLICATION_CREDENTIALS"])


def test_no_credentials_at_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "missing.json"))
    for ask in (identity.credentials, lambda: identity.id_token("https://x.example")):
        with pytest.raises(Refused, match=r"missing\.json|not found") as caught:
            ask()
        assert "gcloud auth application-default login" in caught.value.hint


@pytest.mark.usefixtures("account")
def test_a_token_server_that_does_not_answer() -> None:
    with pytest.raises(Unavailable):
        identity.id_token("https://x.example")


@pytest.mark.usefixtures("account")
def test_google_is_not_asked_about_an_account_that_it_did_not_issue() -> None:
    assert not identity.credentials()._is_regional_access_boundary_lookup_required()


def test_the_sandboxs_keys_are_private_and_stay(account: Path) -> None:
    before = account.read_text("utf-8")
    assert account.stat().st_mode & 0o777 == 0o600
    home, base = account.parent, json.loads(before)["token_uri"].removesuffix("/token")
    sandbox_identity.make_keys(home, base)
    assert account.read_text("utf-8") == before
    sandbox_identity.make_keys(home, "http://127.0.0.1:1")
    moved = json.loads(account.read_text("utf-8"))
    assert moved["token_uri"] == "http://127.0.0.1:1/token"
    assert moved["private_key"] == json.loads(before)["private_key"]
