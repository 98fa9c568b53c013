"""Delete an image of a registry, with its tags and the documents beside it."""

import json
from collections.abc import Callable
from typing import Any

from intermodal.platform.deployment.oci import MODEL_LABEL
from intermodal.platform.errors import IntermodalError, NotFound, Refused, SpecError
from intermodal.resources.images import referrers
from intermodal.resources.images.client import Client

DigestOf = Callable[[str, str], str | None]
"""Repository, tag or digest → digest; None when there is no such manifest."""
TAGS_AT_ONCE = 1000
NO_TAG_DELETES = (400, 404, 405)
"""Answers of registries that delete a tag only with its image, and of those that know no such tag."""
NO_DELETES = (405, 501)


def require_of_model(client: Client, repository: str, manifest: bytes, model: str) -> None:
    """SpecError unless the label of the image says that it is of the model: a repository may hold others' images."""
    try:
        config = str(json.loads(manifest)["config"]["digest"])
        answer = client.call("GET", f"blobs/{config}", repository, f"read the labels of {repository}")
        assert answer is not None
        found: Any = (answer.json().get("config") or {}).get("Labels") or {}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise IntermodalError(f"{client.address.host}: the image in {repository} is damaged: {error!r}.") from error
    if found.get(MODEL_LABEL) != model:
        raise SpecError(
            f"{client.address.host}/{repository} has an image that is not of '{model}': its label {MODEL_LABEL} is "
            f"'{found.get(MODEL_LABEL, '')}'.",
            hint="It is kept. Delete it yourself if nothing needs it.",
        )


def delete_manifest(client: Client, repository: str, digest: str, digest_of: DigestOf) -> None:
    """Idempotent. Refused when the registry deletes nothing by this API."""
    doing = f"delete {repository}@{digest}"
    answer = client.call("DELETE", f"manifests/{digest}", repository, doing, absent=(404, *NO_DELETES))
    if answer is None and digest_of(repository, digest) is not None:
        raise Refused(
            f"The registry {client.address.host} deletes no images by this API, so it keeps {repository}@{digest}.",
            hint="Delete the repository with the registry's own tool, or let it expire images.",
        )


def delete_tags(client: Client, repository: str, digest: str, digest_of: DigestOf) -> None:
    """Delete the tags of an image where the registry can: some refuse to delete an image that has one."""
    for tag in tags_of(client, repository):
        if digest_of(repository, tag) == digest:
            doing = f"delete the tag {repository}:{tag}"
            client.call("DELETE", f"manifests/{tag}", repository, doing, absent=NO_TAG_DELETES)


def tags_of(client: Client, repository: str) -> list[str]:
    """Without the tags that list documents. Empty for a repository that does not exist."""
    found, last = list[str](), ""
    while True:
        path = f"tags/list?n={TAGS_AT_ONCE}" + (f"&last={last}" if last else "")
        answer = client.call("GET", path, repository, f"list the tags of {repository}", absent=(404,))
        page = [str(tag) for tag in (answer.json().get("tags") or [])] if answer is not None else []
        found += [tag for tag in page if not tag.startswith(referrers.fallback_tag("sha256:"))]
        if len(page) < TAGS_AT_ONCE or page[-1] == last:
            return found
        last = page[-1]


def manifest_or_none(read: Callable[[str, str], bytes], repository: str, digest: str) -> bytes | None:
    try:
        return read(repository, digest)
    except NotFound:
        return None
