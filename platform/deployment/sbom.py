"""The software bill of materials of an image, as CycloneDX 1.6 JSON (https://cyclonedx.org/docs/1.6/json/).

Equal images give equal bytes: no time is written, and the serial number is derived from the image's digest.
"""

import re
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from intermodal.platform.deployment.oci import canonical_json
from intermodal.platform.ports.images import Attachment
from intermodal.platform.protocol.requirements import PINNED, normalized

KIND = "application/vnd.cyclonedx+json"
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:intermodal:sbom")
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True)
class Component:
    """A part of an image. ``sha256``: of the whole part, '' if it is not one file. ``files``: of its distribution
    files, one of which was installed: a lock has those of every platform."""

    name: str
    version: str
    purl: str = ""
    kind: str = "library"
    sha256: str = ""
    files: tuple[str, ...] = ()

    @property
    def reference(self) -> str:
        return self.purl or f"{self.kind}:{self.name}@{self.version}"

    def to_dict(self) -> dict[str, Any]:
        found: dict[str, Any] = {"type": self.kind, "bom-ref": self.reference, "name": self.name}
        if self.version:
            found["version"] = self.version
        if self.purl:
            found["purl"] = self.purl
        if self.sha256:
            found["hashes"] = _hashes([self.sha256])
        if self.files:
            reference = {"type": "distribution", "url": self.purl, "comment": "one of these files, by the lock"}
            found["externalReferences"] = [{**reference, "hashes": _hashes(self.files)}]
        return found


def debian(name: str, version: str, sha256: str) -> Component:
    """``sha256`` is of the .deb file."""
    purl = f"pkg:deb/debian/{quote(name, safe='')}@{quote(version, safe='')}?arch=amd64"
    return Component(name, version, purl, sha256=sha256)


def python(name: str, version: str, files: Iterable[str] = ()) -> Component:
    return Component(
        name, version, f"pkg:pypi/{normalized(name)}@{quote(version, safe='')}", files=tuple(sorted(files))
    )


def locked(lock: str) -> list[Component]:
    """The packages of a requirements file with hashes, by name."""
    starts = list(PINNED.finditer(lock))
    ends = [*(found.start() for found in starts), len(lock)][1:]
    packages = [
        python(normalized(found[1]), found[2], HASH.findall(lock, found.end(), end))
        for found, end in zip(starts, ends, strict=True)
    ]
    return sorted(packages, key=lambda each: each.name)


def sbom(model: str, version: str, digest: str, tool: Component, parts: Sequence[Component]) -> Attachment:
    """The document of the image ``digest`` (``sha256:...``). ``tool`` made it. A part that occurs twice is listed
    once."""
    purl = f"pkg:oci/{quote(model, safe='')}@{quote(digest, safe='')}"
    image = Component(model, version, purl, "container", digest.removeprefix("sha256:"))
    unique = {part.reference: part for part in parts}
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(NAMESPACE, digest)}",
        "version": 1,
        "metadata": {
            "component": image.to_dict(),
            "tools": {"components": [{"type": "application", "name": tool.name, "version": tool.version}]},
        },
        "components": [part.to_dict() for part in unique.values()],
        "dependencies": [{"ref": image.reference, "dependsOn": sorted(unique)}],
    }
    return Attachment(KIND, canonical_json(document))


def _hashes(values: Iterable[str]) -> list[dict[str, str]]:
    return [{"alg": "SHA-256", "content": value} for value in values]
