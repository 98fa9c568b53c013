"""The signature of an image: a statement about its manifest's digest, signed by the key that signs packages.

The statement is that of cosign (predicate type ``https://sigstore.dev/cosign/sign/v1``). Its subject also says which
model the image is of, and by an annotation, named as the image's label, which package. So the image of another version
is not taken for this one.
"""

from collections.abc import Sequence

from intermodal.platform.deployment.oci import DIGEST_LABEL
from intermodal.platform.errors import UntrustedPackage
from intermodal.platform.ports.images import Attachment, ImageRegistry
from intermodal.platform.protocol.keys import Key, Sign
from intermodal.platform.protocol.sigstore import BUNDLE, DAMAGED, STATEMENT, bundle_of_statement, signed_statement

PREDICATE = "https://sigstore.dev/cosign/sign/v1"
ANNOTATIONS = {"dev.sigstore.bundle.content": "dsse-envelope", "dev.sigstore.bundle.predicateType": PREDICATE}
"""Of the signature's manifest: how cosign finds the bundle of a signature beside an image."""
SIGN_AGAIN = "Set INTERMODAL_SIGNING_KEY to a trusted key, and materialize <model>/image again, which signs it."


def sign_image(digest: str, model: str, package: str, sign: Sign, key: Key) -> bytes:
    """The bundle for the image ``digest`` (``sha256:...``). ``package`` is the version's digest."""
    subject = {
        "name": model,
        "digest": {"sha256": digest.removeprefix("sha256:")},
        "annotations": {DIGEST_LABEL: package},
    }
    statement = {"_type": STATEMENT, "subject": [subject], "predicateType": PREDICATE, "predicate": {}}
    return bundle_of_statement(statement, sign, key)


def as_attachment(bundle: bytes) -> Attachment:
    return Attachment(BUNDLE, bundle, ANNOTATIONS)


def verify_image(
    bundle: bytes, digest: str, trusted: Sequence[Key], where: str, model: str = "", package: str = ""
) -> None:
    """UntrustedPackage unless ``bundle`` (b'' if there is none) is a trusted key's signature of the image ``digest``.

    ``where`` names the image in errors. ``model`` and ``package`` are compared where they are known.
    """
    if not bundle:
        raise UntrustedPackage(f"The image {where} is not signed.", hint=SIGN_AGAIN)
    try:
        statement = signed_statement(bundle, trusted, f"The image {where}", again=SIGN_AGAIN, other_bytes=SIGN_AGAIN)
        (subject,) = statement["subject"]
        found = f"sha256:{subject['digest']['sha256']}", str(subject["name"]), str(subject["annotations"][DIGEST_LABEL])
        kind = str(statement["predicateType"])
    except DAMAGED as error:
        raise UntrustedPackage(
            f"The signature of the image {where} is damaged: {type(error).__name__}: {error}.", hint=SIGN_AGAIN
        ) from error
    wanted = digest, model or found[1], package or found[2]
    if kind != PREDICATE or found != wanted:
        raise UntrustedPackage(
            f"The signature of the image {where} is of {found[1]} {found[0]}, package {found[2]} ({kind}).",
            hint=SIGN_AGAIN,
        )


def verify_in_registry(registry: ImageRegistry, repository: str, digest: str, trusted: Sequence[Key]) -> None:
    """UntrustedPackage unless one of the signatures beside the image is a trusted key's. The last one's error, since an
    image that was signed again has those of older keys too."""
    where, failed = f"{repository}@{digest}", None
    for document in registry.attached(repository, digest):
        if document.kind == BUNDLE:
            try:
                return verify_image(registry.read_attached(repository, document.digest), digest, trusted, where)
            except UntrustedPackage as error:
                failed = error
    if failed:
        raise failed
    return verify_image(b"", digest, trusted, where)
