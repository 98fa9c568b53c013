"""ArtifactRegistry against the sandbox's: tokens of its own token server, a real registry."""

from collections.abc import Iterator
from typing import ClassVar

import httpx
import pytest
from google.auth.transport.requests import Request

from intermodal.platform.errors import NotFound
from intermodal.resources.gcp import identity
from intermodal.resources.gcp.images import ArtifactRegistry
from intermodal.resources.images.login import basic
from tests.conformance.image_registry import ImageRegistryConformance, Served
from tests.sandbox_fixture import Sandbox, sandbox  # noqa: F401


class TestArtifactRegistry(ImageRegistryConformance):
    adapter: ClassVar[str] = "gcp"

    @pytest.fixture(scope="class")
    def served(self, sandbox: Sandbox) -> Iterator[Served]:  # noqa: F811
        with pytest.MonkeyPatch.context() as patch:
            host, _, prefix = sandbox.use("gcp", patch)["INTERMODAL_GCP_REGISTRY"].partition("/")
            yield Served(
                f"http://{host}",
                lambda address: {"INTERMODAL_GCP_REGISTRY": f"{address}/{prefix}"},
                secrets=lambda registry: (registry.login.header("", "").value.partition(" ")[2],),  # type: ignore[attr-defined]
            )

    @pytest.mark.parametrize("header", ["", "Bearer x", basic("oauth2accesstoken", "x"), "Basic %"])
    def test_request_without_a_token_is_401(self, served: Served, header: str) -> None:
        answer = httpx.get(f"{served.origin}/v2/", headers={"Authorization": header} if header else {}, trust_env=False)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Basic")

    def test_token_is_taken_as_a_bearer_too(self, served: Served) -> None:
        credentials = identity.credentials()
        credentials.refresh(Request())  # type: ignore[no-untyped-call]
        headers = {"Authorization": f"Bearer {credentials.token}"}
        assert httpx.get(f"{served.origin}/v2/", headers=headers, trust_env=False).status_code == 200

    def test_repository_of_another_project_is_not_found(self, registry: ArtifactRegistry) -> None:
        with pytest.raises(NotFound, match="other/project"):
            registry.read_attached("other/project/m", "sha256:" + "0" * 64)
