"""How an image was built, as an in-toto statement with SLSA's provenance (https://slsa.dev/spec/v1.0/provenance).

Equal images give equal bytes: no time, run or machine is named.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from intermodal.platform.deployment.oci import canonical_json
from intermodal.platform.ports.images import Attachment
from intermodal.platform.protocol.sigstore import PAYLOAD, STATEMENT

PREDICATE = "https://slsa.dev/provenance/v1"
BUILD_TYPE, BUILDER = "urn:intermodal:image-build:v1", "urn:intermodal:image-builder"
ANNOTATIONS = {"in-toto.io/predicate-type": PREDICATE}


@dataclass(frozen=True)
class Material:
    """What an image was made of: a lock, a package, another image. ``sha256`` in hex."""

    name: str
    sha256: str

    def to_dict(self) -> dict[str, Any]:
        return {"name": self.name, "digest": {"sha256": self.sha256}}


def provenance(
    model: str, version: str, package: str, digest: str, release: str, materials: Sequence[Material]
) -> Attachment:
    """The statement about the image ``digest`` (``sha256:...``). ``package`` is the version's digest, ``release`` the
    version of Intermodal that built it."""
    statement = {
        "_type": STATEMENT,
        "subject": [{"name": model, "digest": {"sha256": digest.removeprefix("sha256:")}}],
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {"model": model, "version": version, "package": {"sha256": package}},
                "resolvedDependencies": [material.to_dict() for material in materials],
            },
            "runDetails": {"builder": {"id": BUILDER, "version": {"intermodal": release}}},
        },
    }
    return Attachment(PAYLOAD, canonical_json(statement), ANNOTATIONS)
