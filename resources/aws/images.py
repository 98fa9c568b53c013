"""Amazon ECR: images of one site.

Login: https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry_auth.html
"""

from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any, ClassVar, Self

from intermodal.platform.errors import Refused
from intermodal.platform.ports.endpoints import MODEL_TAG
from intermodal.platform.targets import Site
from intermodal.resources.aws import identity, tags
from intermodal.resources.aws.errors import translated
from intermodal.resources.aws.settings import AwsSettings
from intermodal.resources.images.address import Address
from intermodal.resources.images.login import Header
from intermodal.resources.images.registry import OciRegistry

PERMISSIONS = (
    "ecr:GetAuthorizationToken, ecr:CreateRepository, ecr:DescribeRepositories, ecr:TagResource, "
    "ecr:BatchCheckLayerAvailability, ecr:InitiateLayerUpload, ecr:UploadLayerPart, ecr:CompleteLayerUpload, "
    "ecr:PutImage, ecr:BatchGetImage, and to withdraw a model ecr:BatchDeleteImage"
)
MAX_ATTEMPTS = 4


class EcrLogin:
    """An authorization token of 12 hours; a repository is created where it does not exist. Fulfils ``Login``."""

    def __init__(self, connect: Callable[[], Any]) -> None:
        self._connect = cache(connect)
        self._prepared: set[str] = set()

    def header(self, repository: str, mount_from: str) -> Header:  # noqa: ARG002
        """The token is for all of the account's repositories."""
        with translated("log in to ECR"):
            answer = self._connect().get_authorization_token()
        data = answer["authorizationData"][0]
        return Header(f"Basic {data['authorizationToken']}", data["expiresAt"].timestamp())

    def prepare(self, repository: str) -> None:
        if repository in self._prepared:
            return
        ecr = self._connect()
        with translated(f"create the ECR repository '{repository}'"):
            try:
                ecr.describe_repositories(repositoryNames=[repository])
            except ecr.exceptions.RepositoryNotFoundException:
                self._create(ecr, repository)
        self._prepared.add(repository)

    def _create(self, ecr: Any, repository: str) -> None:
        own = tags.to_aws({MODEL_TAG: repository.rpartition("/")[2]})
        with suppress(ecr.exceptions.RepositoryAlreadyExistsException):  # another run was first
            ecr.create_repository(repositoryName=repository, tags=own)

    def delete(self, repository: str, digest: str) -> None:
        """Delete a manifest with its tags. The distribution API of ECR deletes nothing. Idempotent."""
        ecr, doing = self._connect(), f"delete {repository}@{digest} from ECR"
        with translated(doing):
            try:
                answer = ecr.batch_delete_image(repositoryName=repository, imageIds=[{"imageDigest": digest}])
            except ecr.exceptions.RepositoryNotFoundException:
                return
        if failed := [each for each in answer.get("failures", []) if each.get("failureCode") != "ImageNotFound"]:
            raise Refused(f"ECR did not {doing}: {failed[0].get('failureReason', '')}", hint=f"It needs {PERMISSIONS}.")


class EcrRegistry(OciRegistry):
    kind: ClassVar[str] = "ecr"
    kinds: ClassVar[frozenset[str]] = frozenset({"aws", "ecr"})
    extra: ClassVar[str] = "aws"

    @classmethod
    def of(cls, site: Site) -> Self:
        settings = AwsSettings.of(site)
        address = Address.of(settings.registry, "INTERMODAL_AWS_REGISTRY", site)

        def connect() -> Any:
            return identity.client("ecr", settings.region, MAX_ATTEMPTS, endpoint_url=settings.endpoint_url)

        return cls(site, address, EcrLogin(connect), PERMISSIONS)

    def _delete_image(self, repository: str, digest: str) -> None:
        assert isinstance(self.login, EcrLogin)
        self.login.delete(repository, digest)

    _delete_manifest = _delete_image
