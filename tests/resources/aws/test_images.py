"""EcrRegistry against the sandbox's ECR: its own login, its repositories, a real registry."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import boto3
import httpx
import pytest

from intermodal.platform.errors import NotFound, Refused, SpecError
from intermodal.platform.targets import Site
from intermodal.resources.adapters import CatalogueImages
from intermodal.resources.aws.images import EcrRegistry
from intermodal.resources.images.login import Header
from tests import oci_layout
from tests.conformance.image_registry import ImageRegistryConformance, Served
from tests.oci_layout import noise
from tests.sandbox_fixture import Sandbox, sandbox  # noqa: F401


class TestEcr(ImageRegistryConformance):
    adapter: ClassVar[str] = "aws"

    @pytest.fixture(scope="class")
    def served(self, sandbox: Sandbox) -> Iterator[Served]:  # noqa: F811
        with pytest.MonkeyPatch.context() as patch:
            own = sandbox.use("aws", patch)["INTERMODAL_AWS_REGISTRY"]
            origin = f"http://{own.partition('/')[0]}"
            yield Served(
                origin,
                lambda address: {"INTERMODAL_AWS_REGISTRY": f"{address}/intermodal"},
                secrets=lambda registry: (registry.login.header("", "").value.partition(" ")[2],),  # type: ignore[attr-defined]
            )

    def test_push_creates_a_tagged_repository(self, registry: EcrRegistry, layout: Path) -> None:
        report = registry.push(layout, registry.repository("tagged"), tag="1.0.0")
        ecr = boto3.session.Session().client("ecr", region_name="us-east-1")
        (found,) = ecr.describe_repositories(repositoryNames=["intermodal/tagged"])["repositories"]
        own = ecr.list_tags_for_resource(resourceArn=found["repositoryArn"])["tags"]
        assert own == [{"Key": "intermodal-model", "Value": "tagged"}]
        assert report.reference == f"{found['repositoryUri']}@{report.digest}"
        answer = ecr.batch_get_image(repositoryName="intermodal/tagged", imageIds=[{"imageTag": "1.0.0"}])
        assert answer["images"][0]["imageId"]["imageDigest"] == report.digest

    @pytest.mark.parametrize("header", ["", "Basic QVdTOng=", "Basic %", "Bearer x", "Basic QVdTOjk5OTk5OTk5OTkuMDA="])
    def test_request_without_a_token_is_401(self, served: Served, header: str) -> None:
        answer = httpx.get(f"{served.origin}/v2/", headers={"Authorization": header} if header else {}, trust_env=False)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Basic")

    def test_push_wrong_token_is_refused(
        self, registry: EcrRegistry, layout: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        wrong = Header(f"Basic {base64.b64encode(b'AWS:secret').decode()}", float("inf"))
        monkeypatch.setattr(registry.login, "header", lambda *_: wrong)
        with pytest.raises(Refused, match="ecr:GetAuthorizationToken") as caught:
            registry.push(layout, registry.repository("m"))
        assert wrong.value not in repr(caught.value)
        assert wrong.value not in repr(wrong)

    def test_push_revoked_token_is_fetched_again(self, registry: EcrRegistry, repository: str, layout: Path) -> None:
        registry.push(layout, repository)
        known = registry.client._headers._known
        for key in known:
            known[key] = Header("Basic QVdTOng=", float("inf"))
        assert registry.push(layout, repository).bytes_pushed == 0

    def test_repository_that_does_not_exist_is_none(self, registry: EcrRegistry) -> None:
        assert registry.digest_of("intermodal/never-created", "1.0.0") is None
        with pytest.raises(NotFound, match="NAME_UNKNOWN"):
            registry.read_attached("intermodal/never-created", "sha256:" + "0" * 64)

    def test_images_survive_an_outage(
        self,
        sandbox: Sandbox,  # noqa: F811
        registry: EcrRegistry,
        repository: str,
        layout: Path,
    ) -> None:
        digest = registry.push(layout, repository).digest
        sandbox.outage("aws")
        sandbox.start("aws")
        assert registry.digest_of(repository, digest) == digest
        assert registry.push(layout, repository).bytes_pushed == 0


@pytest.mark.sandbox
def test_each_region_has_its_own_registry(
    sandbox: Sandbox,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    sandbox.use("aws", monkeypatch)
    sandbox.use("aws@eu-west-1", monkeypatch)
    layout, images = oci_layout.build(tmp_path / "layout", [noise(1)]), CatalogueImages()
    here, there = images.get(Site("aws")), images.get(Site("aws", "eu-west-1"))
    assert (there.site, images.get(Site("aws"))) == (Site("aws", "eu-west-1"), here)
    first = here.push(layout, here.repository("regional"))
    assert there.digest_of(there.repository("regional"), first.digest) is None
    second = there.push(layout, there.repository("regional"))
    assert first.digest == second.digest
    assert first.reference != second.reference


def test_registry_without_an_address_names_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"AWS_REGION": "r", "INTERMODAL_AWS_BUCKET_EU_1": "b", "INTERMODAL_AWS_ROLE_ARN": "a"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("INTERMODAL_AWS_REGISTRY_EU_1", raising=False)
    with pytest.raises(SpecError, match="aws@eu-1 has no image registry: INTERMODAL_AWS_REGISTRY_EU_1 not set"):
        EcrRegistry.of(Site("aws", "eu-1"))
    monkeypatch.setenv("INTERMODAL_AWS_REGISTRY_EU_1", "https://user:secret@host/x")
    with pytest.raises(SpecError, match="INTERMODAL_AWS_REGISTRY_EU_1 is not") as caught:
        EcrRegistry.of(Site("aws", "eu-1"))
    assert "secret" not in str(caught.value)
