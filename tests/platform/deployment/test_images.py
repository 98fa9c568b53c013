"""Which image a version runs: documents in object stores, found while others are down, copied to a site."""

from pathlib import Path

import pytest

from intermodal.platform.deployment.image_push import copy_image, is_pushed, signature_of
from intermodal.platform.deployment.image_signature import sign_image
from intermodal.platform.deployment.images import PushedImage, document_key, image_of, pushed_image
from intermodal.platform.errors import IntermodalError, NotFound, Unavailable, UntrustedPackage
from intermodal.platform.ports.images import Attachment
from intermodal.platform.ports.registry import Identity
from intermodal.platform.targets import Site
from tests.memory import IMAGE_FILE, MemoryDeployment, MemoryImages, MemorySigner, MemoryStore
from tests.signing import PRIVATE, der

AWS, GCP, AZURE = Site("aws"), Site("gcp"), Site("azure")
VERSION = Identity("1.0.0", "a" * 64)
KEY = document_key("m", "1.0.0")
BUILDS = MemoryDeployment(builds=frozenset({AWS, GCP, AZURE}))


DIGEST = "sha256:" + "1" * 64
SBOM = Attachment("application/vnd.cyclonedx+json", b"{}", {"made.by": "tests"})
SIGNER = MemorySigner(PRIVATE)
TRUSTING = MemoryDeployment(builds=frozenset({AWS, GCP}), trusted_keys=(der(),))


class DownStore(MemoryStore):
    def get(self, key: str) -> bytes:
        raise Unavailable(key)


def stores(package: str = VERSION.digest) -> dict[Site, MemoryStore]:
    """Documents of AWS and GCP; Azure was left out."""
    found = {site: MemoryStore(site) for site in (AWS, GCP, AZURE)}
    document = PushedImage("sha256:1", package, {"aws": "aws/m@sha256:1", "gcp": "gcp/m@sha256:1"}).to_json()
    for site in (AWS, GCP):
        found[site].put(KEY, document)
    return found


def test_image_of_is_the_sites_own_reference() -> None:
    found = stores()
    assert [image_of(BUILDS, found[site], "m", VERSION) for site in (AWS, GCP)] == ["aws/m@sha256:1", "gcp/m@sha256:1"]


def test_image_of_settings_needs_no_document() -> None:
    assert image_of(MemoryDeployment(), DownStore(AWS), "m", VERSION) == "registry.aws/intermodal/server:0.1.0"


def test_image_of_store_that_is_down_is_named_by_another() -> None:
    assert image_of(BUILDS, DownStore(AWS), "m", VERSION, [stores()[GCP]]) == "aws/m@sha256:1"


def test_image_of_names_the_own_stores_error() -> None:
    with pytest.raises(Unavailable):
        image_of(BUILDS, DownStore(AWS), "m", VERSION, [MemoryStore(GCP)])
    with pytest.raises(NotFound):
        image_of(BUILDS, stores()[AZURE], "m", VERSION, [stores()[GCP]])


def test_document_of_another_package_is_not_used() -> None:
    with pytest.raises(NotFound, match="another package"):
        image_of(BUILDS, stores("b" * 64)[AWS], "m", VERSION)


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"digest": "1", "package": "2", "references": 3}'])
def test_document_that_is_damaged_is_an_error(text: bytes) -> None:
    store = MemoryStore(AWS)
    store.put(KEY, text)
    with pytest.raises(IntermodalError, match="damaged"):
        pushed_image(store, "m", VERSION)


def test_copy_image_pushes_from_the_first_registry_that_has_it(tmp_path: Path) -> None:
    images, found = MemoryImages.of((AWS, GCP, AZURE)), {site: MemoryStore(site) for site in (AWS, GCP, AZURE)}
    layout = tmp_path / "layout"
    layout.mkdir()
    (layout / IMAGE_FILE).write_text("the image")
    for site in (AWS, GCP):
        report = images.get(site).push(layout, "intermodal/m", "1.0.0")
        images.get(site).attach("intermodal/m", report.digest, SBOM)
        found[site].put(KEY, PushedImage(report.digest, VERSION.digest, {str(site): report.reference}).to_json())
    images.get(AWS).down = True
    assert not is_pushed(images.get(AZURE), found[AZURE], "m", VERSION)
    copied = copy_image("m", VERSION, AZURE, [AWS, GCP], found.__getitem__, images.get, tmp_path)
    assert set(copied.references) == {"gcp", "azure"}
    assert is_pushed(images.get(AZURE), found[AZURE], "m", VERSION)
    (document,) = images.get(AZURE).attached("intermodal/m", copied.digest)
    assert (document.kind, document.annotations) == (SBOM.kind, SBOM.annotations)
    assert images.get(AZURE).read_attached("intermodal/m", document.digest) == SBOM.data
    assert image_of(BUILDS, found[AZURE], "m", VERSION) == f"registry.azure/intermodal/m@{copied.digest}"


def test_copy_image_raises_when_no_registry_has_it(tmp_path: Path) -> None:
    images = MemoryImages.of((AWS, GCP, AZURE))
    with pytest.raises(NotFound):
        copy_image("m", VERSION, AZURE, [AWS, GCP], stores().__getitem__, images.get, tmp_path)


def signed_store(site: Site, signature: bytes, reference: str = f"aws/m@{DIGEST}") -> MemoryStore:
    store = MemoryStore(site)
    store.put(KEY, PushedImage(DIGEST, VERSION.digest, {"aws": reference}, signature.decode()).to_json())
    return store


def signed(digest: str = DIGEST) -> bytes:
    return sign_image(digest, "m", VERSION.digest, SIGNER.sign, der())


def test_image_of_signed_image_is_deployed() -> None:
    assert image_of(TRUSTING, signed_store(AWS, signed()), "m", VERSION) == f"aws/m@{DIGEST}"


def test_image_of_unsigned_image_is_refused_with_keys_only() -> None:
    assert image_of(BUILDS, signed_store(AWS, b""), "m", VERSION) == f"aws/m@{DIGEST}"
    with pytest.raises(UntrustedPackage, match=f"aws/m@{DIGEST} is not signed"):
        image_of(TRUSTING, signed_store(AWS, b""), "m", VERSION)


def test_image_of_changed_reference_is_refused() -> None:
    """The document's own digest is the signed one, and the reference names another image."""
    store = signed_store(AWS, signed(), f"aws/m@sha256:{'2' * 64}")
    with pytest.raises(UntrustedPackage, match="is of m sha256:1111"):
        image_of(TRUSTING, store, "m", VERSION)


def test_image_of_wrong_signature_takes_the_next_store() -> None:
    stores = signed_store(AWS, signed("sha256:" + "2" * 64)), signed_store(GCP, signed())
    assert image_of(TRUSTING, stores[0], "m", VERSION, stores[1:]) == f"aws/m@{DIGEST}"


def test_image_of_team_needs_no_signature() -> None:
    deployment = MemoryDeployment(trusted_keys=(der(),))
    assert image_of(deployment, DownStore(AWS), "m", VERSION) == "registry.aws/intermodal/server:0.1.0"


def test_signature_of_image_is_that_of_a_store() -> None:
    found = signed().decode()
    assert signature_of(SIGNER, DIGEST, "m", VERSION, [DownStore(GCP), signed_store(AWS, found.encode())]) == found


@pytest.mark.parametrize("kept", [b"", b"damaged", signed("sha256:" + "2" * 64)], ids=["none", "damaged", "other"])
def test_signature_of_image_replaces_one_that_does_not_hold(kept: bytes) -> None:
    made = signature_of(SIGNER, DIGEST, "m", VERSION, [signed_store(AWS, kept)])
    assert image_of(TRUSTING, signed_store(AWS, made.encode()), "m", VERSION)


def test_signature_of_image_without_key_is_empty() -> None:
    assert signature_of(MemorySigner(), DIGEST, "m", VERSION, []) == ""
