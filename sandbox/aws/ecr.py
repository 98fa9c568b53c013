"""ECR: its login and its repositories, before a real registry, which holds the images.

moto's ECR has another digest for an image than its bytes have, so images are read from the registry itself.
https://docs.aws.amazon.com/AmazonECR/latest/APIReference/Welcome.html
"""

import base64
import binascii
import hashlib
import hmac
import json
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from intermodal.sandbox.aws.errors import AwsError, not_emulated
from intermodal.sandbox.aws.identity import ACCOUNT
from intermodal.sandbox.aws.signature import Verifier
from intermodal.sandbox.front import Context
from intermodal.sandbox.images.front import Denied, Front

Document = dict[str, Any]
OPERATIONS = "AmazonEC2ContainerRegistry_V20150921."
TOKEN_SECONDS = 12 * 3600
CHALLENGE = 'Basic realm="https://ecr.amazonaws.com/",service="ecr.amazonaws.com"'
NAME = re.compile(r"(?=.{2,256}$)([a-z0-9]+([._-][a-z0-9]+)*/)*[a-z0-9]+([._-][a-z0-9]+)*")
MANIFESTS = {
    "Accept": "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, "
    "application/vnd.docker.distribution.manifest.v2+json"
}


class Ecr:
    """Repositories are remembered across an outage. Operations without a method here get 501."""

    def __init__(self, context: Context, verifier: Verifier, secret: str) -> None:
        self._context, self._verifier, self._secret = context, verifier, secret.encode()
        self._repositories: dict[str, Document] = context.state.table("repositories")
        self.images = Front(context, self._check, self._repositories.__contains__)
        self._operations: dict[str, Callable[[Document], Awaitable[Document]]] = {
            "GetAuthorizationToken": self._token,
            "CreateRepository": self._create,
            "DescribeRepositories": self._describe,
            "ListTagsForResource": self._list_tags,
            "BatchGetImage": self._images,
            "BatchDeleteImage": self._delete,
        }

    async def handle(self, request: web.Request) -> web.Response:
        body, operation = await request.read(), request.headers.get("X-Amz-Target", "")
        self._verifier.check(request, body)
        found = self._operations.get(operation.removeprefix(OPERATIONS))
        if found is None:
            raise not_emulated(f"ECR's {operation.removeprefix(OPERATIONS)}")
        return web.json_response(await found(json.loads(body or b"{}")), content_type="application/x-amz-json-1.1")

    async def stop(self) -> None:
        await self.images.stop()

    async def _token(self, _: Document) -> Document:
        expires = int(time.time()) + TOKEN_SECONDS
        password = f"{expires}.{self._seal(expires)}"
        data = {
            "authorizationToken": base64.b64encode(f"AWS:{password}".encode()).decode(),
            "expiresAt": expires,
            "proxyEndpoint": f"http://127.0.0.1:{self._context.port}",
        }
        return {"authorizationData": [data]}

    def _check(self, request: web.Request) -> None:
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        try:
            user, _, password = base64.b64decode(text, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            user, password = "", ""
        expires, _, seal = password.partition(".")
        if scheme.lower() != "basic" or user != "AWS" or not expires.isdecimal():
            raise Denied("Not Authorized", CHALLENGE)
        if not hmac.compare_digest(seal.encode(), self._seal(int(expires)).encode()):
            raise Denied("Not Authorized", CHALLENGE)
        if int(expires) < time.time():
            raise Denied("Your authorization token has expired. Reauthenticate and try again.")

    def _seal(self, expires: int) -> str:
        return hmac.new(self._secret, f"ecr {expires}".encode(), hashlib.sha256).hexdigest()

    async def _create(self, parameters: Document) -> Document:
        name = parameters.get("repositoryName", "")
        if not NAME.fullmatch(name):
            raise AwsError("InvalidParameterException", f"Invalid parameter at 'repositoryName': '{name}'")
        if name in self._repositories:
            raise AwsError("RepositoryAlreadyExistsException", f"The repository with name '{name}' already exists")
        region = self._verifier.region
        self._repositories[name] = {
            "repositoryName": name,
            "repositoryArn": f"arn:aws:ecr:{region}:{ACCOUNT}:repository/{name}",
            "registryId": ACCOUNT,
            "repositoryUri": f"127.0.0.1:{self._context.port}/{name}",
            "createdAt": int(time.time()),
            "imageTagMutability": parameters.get("imageTagMutability", "MUTABLE"),
            "tags": parameters.get("tags", []),
        }
        self._context.state.save()
        return {"repository": _public(self._repositories[name])}

    async def _describe(self, parameters: Document) -> Document:
        names = parameters.get("repositoryNames") or list(self._repositories)
        return {"repositories": [_public(self._repository(name)) for name in names]}

    async def _list_tags(self, parameters: Document) -> Document:
        return {"tags": self._repository(parameters["resourceArn"].partition(":repository/")[2])["tags"]}

    async def _images(self, parameters: Document) -> Document:
        """Manifests by digest or tag, out of the registry."""
        name, found, failures = parameters["repositoryName"], [], []
        self._repository(name)
        base = f"{await self.images.process.url()}/v2/{name}/manifests/"
        for wanted in parameters["imageIds"]:
            reference = wanted.get("imageDigest") or wanted.get("imageTag", "")
            async with self._context.session.get(base + reference, headers=MANIFESTS) as answer:
                raw = await answer.read()
                if answer.status != 200:
                    reason = {"failureCode": "ImageNotFound", "failureReason": "Requested image not found"}
                    failures.append({"imageId": wanted, **reason})
                    continue
                own = {**wanted, "imageDigest": answer.headers["Docker-Content-Digest"]}
                text = {"imageManifest": raw.decode(), "imageManifestMediaType": answer.content_type}
                found.append({"registryId": ACCOUNT, "repositoryName": name, "imageId": own, **text})
        return {"images": found, "failures": failures}

    async def _delete(self, parameters: Document) -> Document:
        """Images by digest, with their tags."""
        name, found, failures = parameters["repositoryName"], list[Document](), list[Document]()
        self._repository(name)
        base = f"{await self.images.process.url()}/v2/{name}/manifests/"
        for wanted in parameters["imageIds"]:
            if "imageDigest" not in wanted:
                raise not_emulated("deleting a tag of ECR")
            async with self._context.session.delete(base + wanted["imageDigest"]) as answer:
                reason = {"failureCode": "ImageNotFound", "failureReason": "Requested image not found"}
                (found if answer.status == 202 else failures).append(
                    wanted if answer.status == 202 else {"imageId": wanted, **reason}
                )
        return {"imageIds": found, "failures": failures}

    def _repository(self, name: str) -> Document:
        if name not in self._repositories:
            message = f"The repository with name '{name}' does not exist in the registry with id '{ACCOUNT}'"
            raise AwsError("RepositoryNotFoundException", message)
        found: Document = self._repositories[name]
        return found


def _public(repository: Document) -> Document:
    return {name: value for name, value in repository.items() if name != "tags"}
