"""AcrRegistry against the sandbox's: Entra ID, the registry's own exchange, scopes, TLS, a real registry."""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import httpx
import pytest

from intermodal.platform.errors import Refused
from intermodal.resources.azure import images
from intermodal.resources.azure.images import AcrLogin, AcrRegistry
from intermodal.sandbox.azure.identity import TENANT
from tests.conformance.image_registry import ImageRegistryConformance, Served
from tests.sandbox_fixture import Sandbox, sandbox  # noqa: F401


class TestAcr(ImageRegistryConformance):
    adapter: ClassVar[str] = "azure"

    @pytest.fixture(scope="class")
    def served(self, sandbox: Sandbox) -> Iterator[Served]:  # noqa: F811
        with pytest.MonkeyPatch.context() as patch:
            own = sandbox.use("azure", patch)["INTERMODAL_AZURE_REGISTRY"]
            yield Served(
                own.removesuffix("/intermodal"),
                lambda address: {"INTERMODAL_AZURE_REGISTRY": f"{address}/intermodal"},
                # The same front without TLS, since the proxy knows no certificate of ours.
                proxied=f"http://127.0.0.1:{sandbox.settings.ports.azure_blob}",
                secrets=lambda registry: (registry.login.header("a", "").value.partition(" ")[2],),  # type: ignore[attr-defined]
            )

    @pytest.mark.parametrize("header", ["", "Bearer x", "Bearer e30.e30.x", "Basic QVdTOng="])
    def test_request_without_a_token_is_challenged(self, served: Served, header: str) -> None:
        answer = httpx.get(f"{served.origin}/v2/a/tags/list", headers={"Authorization": header} if header else {})
        assert answer.status_code == 401
        assert 'scope="repository:a:pull,push"' in answer.headers["WWW-Authenticate"]

    def test_token_is_for_its_repository_only(self, served: Served, registry: AcrRegistry) -> None:
        headers = {"Authorization": registry.login.header("intermodal/a", "intermodal/b").value}
        start = f"{served.origin}/v2/intermodal/%s/blobs/uploads/"
        assert httpx.post(start % "a", headers=headers).status_code == 202
        assert httpx.post(start % "b", headers=headers).status_code == 401
        assert httpx.get(f"{served.origin}/v2/intermodal/b/tags/list", headers=headers).status_code == 404
        assert httpx.get(f"{served.origin}/v2/intermodal/c/tags/list", headers=headers).status_code == 401

    @pytest.mark.parametrize(("tenant", "token"), [("another", ""), (TENANT, "e30.x")])
    def test_login_of_another_is_refused(
        self, registry: AcrRegistry, layout: Path, monkeypatch: pytest.MonkeyPatch, tenant: str, token: str
    ) -> None:
        login = AcrLogin(registry.address, tenant, lambda: token or images.entra_token())
        monkeypatch.setattr(registry.client._headers, "_login", login)
        with pytest.raises(Refused, match="AcrPush") as caught:
            registry.push(layout, registry.repository("m"))
        assert "e30.x" not in str(caught.value)


def test_token_without_an_expiry_is_kept_for_a_while() -> None:
    assert images.expiry_of("opaque") > 0
    assert images.expiry_of("e30.eyJleHAiOiA3fQ.x") == 7
