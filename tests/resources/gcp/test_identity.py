"""Credentials of Google Cloud: the errors when they are missing or their issuer does not answer."""

import json
from pathlib import Path

import pytest

from intermodal.platform.errors import Refused, Unavailable
from intermodal.resources.gcp import identity
from intermodal.sandbox.gcp import identity as sandbox_identity
from intermodal.sandbox.settings import Ports, Settings, free_port


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A service-account file whose token server does not run."""
    variables = sandbox_identity.variables(Settings(tmp_path, Ports(gcp=free_port())))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", variables["GOOGLE_APPLICATION_CREDENTIALS"])
    return Path(variables["GOOGLE_APPLICATION_CREDENTIALS"])


def test_credentials_missing_file_is_refused_with_hint(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "missing.json"))
    for call in (identity.credentials, lambda: identity.id_token("https://x.example")):
        with pytest.raises(Refused, match=r"missing\.json|not found") as caught:
            call()
        assert "gcloud auth application-default login" in caught.value.hint


@pytest.mark.usefixtures("account")
def test_id_token_without_token_server_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        identity.id_token("https://x.example")


@pytest.mark.usefixtures("account")
def test_credentials_of_foreign_account_look_up_no_regions() -> None:
    assert not identity.credentials()._is_regional_access_boundary_lookup_required()


def test_sandbox_keys_made_again_are_kept_and_private(account: Path) -> None:
    before = account.read_text("utf-8")
    assert account.stat().st_mode & 0o777 == 0o600
    home, base = account.parent, json.loads(before)["token_uri"].removesuffix("/token")
    sandbox_identity.make_keys(home, base)
    assert account.read_text("utf-8") == before
    sandbox_identity.make_keys(home, "http://127.0.0.1:1")
    moved = json.loads(account.read_text("utf-8"))
    assert moved["token_uri"] == "http://127.0.0.1:1/token"
    assert moved["private_key"] == json.loads(before)["private_key"]
