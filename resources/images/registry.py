"""An image registry of one site, by the OCI distribution API: images are pushed byte for byte, by digest."""

import json
import time
from collections.abc import Sequence
from pathlib import Path

from intermodal.platform.deployment.functions_image import Documents
from intermodal.platform.deployment.oci import (
    INDEX_FILE,
    INDEX_TYPE,
    LAYOUT,
    LAYOUT_FILE,
    MANIFEST_TYPE,
    blob_path,
    index_json,
)
from intermodal.platform.deployment.oci import digest_of as digest_of_bytes
from intermodal.platform.errors import IntermodalError, NotFound, SpecError
from intermodal.platform.ports.images import Attached, Attachment, PushReport
from intermodal.platform.protocol.manifest import sha256_of
from intermodal.platform.targets import Site
from intermodal.resources.images import deletion, referrers
from intermodal.resources.images.address import Address
from intermodal.resources.images.client import DIGEST_HEADER, SUBJECT_HEADER, Client, Sent, Source
from intermodal.resources.images.errors import UnknownBlobs
from intermodal.resources.images.layout import Bytes, Layout
from intermodal.resources.images.login import Login

ACCEPT = {
    "Accept": ", ".join(
        (
            *(MANIFEST_TYPE, INDEX_TYPE, "application/vnd.docker.distribution.manifest.v2+json"),
            "application/vnd.docker.distribution.manifest.list.v2+json",
        )
    )
}
ATTACH_TRIES = 5
"""Two runs that attach at once can overwrite each other's entry in the list of the fallback tag."""


class OciRegistry:
    """Fulfils ``ports.ImageRegistry``."""

    def __init__(
        self, site: Site, address: Address, login: Login, permissions: str = "", retry_seconds: float = 60
    ) -> None:
        self.site, self.address, self.login = site, address, login
        self.client = Client(address, login, permissions, retry_seconds)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.site}, {self.address.host})"

    def repository(self, model: str) -> str:
        return self.address.repository(model)

    def reference(self, repository: str, digest: str) -> str:
        return f"{self.address.host}/{repository}@{digest}"

    def push(self, layout: Path, repository: str, tag: str = "", mount_from: str = "") -> PushReport:
        started, image, sent = time.monotonic(), Layout.read(layout), Sent()
        self.login.prepare(repository)
        pushed = [blob.digest for blob in image.blobs if self._ensure(repository, blob, sent, mount_from)]
        if self.digest_of(repository, image.digest) is None:
            try:
                self._put(repository, image.digest, image.manifest, image.media_type, sent)
            except UnknownBlobs as error:
                # The registry answered before that it has them: its index is wrong, and their bytes repair it.
                lacking = [blob for blob in image.blobs if blob.digest in error.digests or not error.digests]
                pushed += [blob.digest for blob in lacking if self.client.upload(repository, blob, sent)]
                self._put(repository, image.digest, image.manifest, image.media_type, sent)
        if tag and self.digest_of(repository, tag) != image.digest:
            self._put(repository, tag, image.manifest, image.media_type, sent)
        kept = tuple(blob.digest for blob in image.blobs if blob.digest not in pushed)
        reference = self.reference(repository, image.digest)
        pushed = list(dict.fromkeys(pushed))
        return PushReport(reference, image.digest, sent.bytes, tuple(pushed), kept, time.monotonic() - started)

    def pull(self, repository: str, digest: str, layout: Path) -> None:
        manifest = self._manifest(repository, digest)
        described = json.loads(manifest)
        for entry in (*described["layers"], described["config"]):
            target = layout / blob_path(entry["digest"])
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.is_file() or f"sha256:{sha256_of(target)}" != entry["digest"]:
                self.client.download(repository, entry["digest"], target)
        (layout / blob_path(digest)).write_bytes(manifest)
        (layout / LAYOUT_FILE).write_bytes(LAYOUT)
        (layout / INDEX_FILE).write_bytes(index_json(manifest))

    def documents(self, repository: str, digest: str) -> Documents:
        """The manifest and the config of one image. NotFound when there is none."""
        manifest = self._manifest(repository, digest)
        described = json.loads(manifest)
        if "config" not in described:
            raise SpecError(f"{self.reference(repository, digest)} is no image.", hint="Name one for linux/amd64.")
        config = described["config"]["digest"]
        answer = self.client.call("GET", f"blobs/{config}", repository, f"read {repository}@{config}")
        data = answer.content if answer is not None else b""
        if digest_of_bytes(data) != config:
            raise IntermodalError(f"{self.address.host} has other bytes for {repository}@{config}.")
        return Documents(manifest, data)

    def store(self, repository: str, manifest: bytes, blobs: Sequence[Source], mount_from: str = "") -> str:
        """Store an image that is composed of layers, of which ``blobs`` may be missing here; its digest. ``mount_from``
        is the repository where they are."""
        sent, digest = Sent(), digest_of_bytes(manifest)
        if self.digest_of(repository, digest) is None:
            for blob in blobs:
                self._ensure(repository, blob, sent, mount_from)
            self._put(repository, digest, manifest, MANIFEST_TYPE, sent)
        return digest

    def digest_of(self, repository: str, reference: str) -> str | None:
        doing = f"look up {repository}:{reference}"
        answer = self.client.call("HEAD", f"manifests/{reference}", repository, doing, headers=ACCEPT, absent=(404,))
        if answer is None:
            return None
        return answer.headers.get(DIGEST_HEADER) or digest_of_bytes(self._manifest(repository, reference))

    def attach(self, repository: str, digest: str, attachment: Attachment) -> Attached:
        sent, image = Sent(), self._manifest(repository, digest)
        for blob in (Bytes(referrers.EMPTY), Bytes(attachment.data)):
            self._ensure(repository, blob, sent)
        raw = referrers.manifest(attachment, digest, image)
        own = digest_of_bytes(raw)
        subject = self._put(repository, own, raw, MANIFEST_TYPE, sent)
        if subject == digest:
            return Attached(attachment.kind, own, "", attachment.annotations)
        tag = referrers.fallback_tag(digest)
        for _ in range(ATTACH_TRIES):
            listed = self._get_index(repository, tag)
            if any(entry.digest == own for entry in referrers.attached(listed)):
                return Attached(attachment.kind, own, tag, attachment.annotations)
            self._put(repository, tag, referrers.with_entry(listed, attachment, raw), INDEX_TYPE, sent)
        raise IntermodalError(
            f"{self.reference(repository, digest)}: others keep changing the list of its documents ({tag}).",
            hint="Run it again.",
        )

    def attached(self, repository: str, digest: str) -> Sequence[Attached]:
        doing = f"list the documents of {repository}@{digest}"
        answer = self.client.call("GET", f"referrers/{digest}", repository, doing, headers=ACCEPT, absent=(404,))
        if answer is not None:
            return referrers.attached(answer.content)
        tag = referrers.fallback_tag(digest)
        return referrers.attached(self._get_index(repository, tag), tag)

    def read_attached(self, repository: str, digest: str) -> bytes:
        layer = referrers.document_digest(self._manifest(repository, digest))
        answer = self.client.call("GET", f"blobs/{layer}", repository, f"read {repository}@{layer}")
        data = answer.content if answer is not None else b""
        if digest_of_bytes(data) != layer:
            raise IntermodalError(f"{self.address.host} has other bytes for {repository}@{layer}.")
        return data

    def delete(self, repository: str, digest: str, model: str) -> bool:
        """Documents go first, so that what a kill interrupts is found again by the image."""
        raw = deletion.manifest_or_none(self._manifest, repository, digest)
        if raw is None:
            return False
        deletion.require_of_model(self.client, repository, raw, model)
        for document in self.attached(repository, digest):
            self._delete_manifest(repository, document.digest)
        if (listed := self.digest_of(repository, referrers.fallback_tag(digest))) is not None:
            self._delete_manifest(repository, listed)
        self._delete_image(repository, digest)
        return True

    def _delete_image(self, repository: str, digest: str) -> None:
        deletion.delete_tags(self.client, repository, digest, self.digest_of)
        self._delete_manifest(repository, digest)

    def _delete_manifest(self, repository: str, digest: str) -> None:
        deletion.delete_manifest(self.client, repository, digest, self.digest_of)

    def _ensure(self, repository: str, blob: Source, sent: Sent, mount_from: str = "") -> bool:
        """Whether the blob's bytes were sent."""
        if self.client.has_blob(repository, blob.digest):
            return False
        return self.client.upload(repository, blob, sent, mount_from if mount_from != repository else "")

    def _put(self, repository: str, reference: str, raw: bytes, media_type: str, sent: Sent) -> str:
        """Store a manifest's raw bytes: the subject that the registry has listed it under, if any."""
        headers = {"Content-Type": media_type}
        doing = f"store the manifest {repository}:{reference}"
        answer = self.client.call(
            "PUT", f"manifests/{reference}", repository, doing, headers=headers, content=raw, sent=sent
        )
        assert answer is not None
        stored = answer.headers.get(DIGEST_HEADER) or self.digest_of(repository, reference)
        wanted = digest_of_bytes(raw)
        if stored != wanted:
            raise IntermodalError(
                f"The registry {self.address.host} stored {repository}:{reference} as {stored}, not as {wanted}.",
                hint="Something between here and the registry rewrites images; push past it.",
            )
        return str(answer.headers.get(SUBJECT_HEADER, ""))

    def _manifest(self, repository: str, reference: str) -> bytes:
        """Raw bytes, those of the digest where ``reference`` is one. NotFound when there is none."""
        doing = f"read the manifest {repository}:{reference}"
        answer = self.client.call("GET", f"manifests/{reference}", repository, doing, headers=ACCEPT)
        raw = answer.content if answer is not None else b""
        if reference.startswith("sha256:") and digest_of_bytes(raw) != reference:
            raise IntermodalError(f"{self.address.host} has other bytes for {repository}@{reference}.")
        return raw

    def _get_index(self, repository: str, tag: str) -> bytes:
        """The list under a fallback tag; empty when there is none."""
        try:
            return self._manifest(repository, tag)
        except NotFound:
            return referrers.NO_ENTRIES
