"""Sign a candidate that passed its gate, before it is a version."""

import hashlib

from intermodal.platform import ports
from intermodal.platform.errors import Lost, UntrustedPackage
from intermodal.platform.ports.registry import Candidate
from intermodal.platform.protocol.keys import Key
from intermodal.platform.protocol.manifest import SIGNATURE
from intermodal.platform.protocol.signing import bundle_of, verify_manifest


def with_signature(registry: ports.ModelRegistry, signer: ports.Signer, candidate: Candidate) -> Candidate:
    """The candidate with a signature by the signer's own key. One that it has is kept, and one by another key is
    replaced, so that running the asset again moves a version to a new key. Without a key it stays as it is."""
    key = signer.key
    if key is None or _is_signed(registry, candidate, key):
        return candidate
    return registry.add_signature(candidate, bundle_of(candidate.manifest, candidate.model, signer.sign, key))


def _is_signed(registry: ports.ModelRegistry, candidate: Candidate, key: Key) -> bool:
    entry = candidate.manifest.files.get(SIGNATURE)
    if entry is None:
        return False
    try:
        bundle = registry.read(candidate, SIGNATURE)
        verify_manifest(bundle, candidate.manifest, [key], candidate.model)
    except (Lost, UntrustedPackage):
        return False
    return hashlib.sha256(bundle).hexdigest() == entry.sha256
