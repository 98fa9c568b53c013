"""Which image a version runs: documents in object stores, found while others are down, copied to a site."""

from pathlib import Path

import pytest

from intermodal.platform.deployment.images import (
    PushedImage,
    copy_image,
    document_key,
    image_of,
    is_pushed,
    pushed_image,
)
from intermodal.platform.errors import IntermodalError, NotFound, Unavailable
from intermodal.platform.ports.registry import Identity
from intermodal.platform.targets import Site
from tests.memory import IMAGE_FILE, MemoryDeployment, MemoryImages, MemoryStore

AWS, GCP, AZURE = Site("aws"), Site("gcp"), Site("azure")
VERSION = Identity("1.0.0", "a" * 64)
KEY = document_key("m", "1.0.0")
BUILDS = MemoryDeployment(builds=frozenset({AWS, GCP, AZURE}))


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
        found[site].put(KEY, PushedImage(report.digest, VERSION.digest, {str(site): report.reference}).to_json())
    images.get(AWS).down = True
    assert not is_pushed(images.get(AZURE), found[AZURE], "m", VERSION)
    copied = copy_image("m", VERSION, AZURE, [AWS, GCP], found.__getitem__, images.get, tmp_path)
    assert set(copied.references) == {"gcp", "azure"}
    assert is_pushed(images.get(AZURE), found[AZURE], "m", VERSION)
    assert image_of(BUILDS, found[AZURE], "m", VERSION) == f"registry.azure/intermodal/m@{copied.digest}"


def test_copy_image_raises_when_no_registry_has_it(tmp_path: Path) -> None:
    images = MemoryImages.of((AWS, GCP, AZURE))
    with pytest.raises(NotFound):
        copy_image("m", VERSION, AZURE, [AWS, GCP], stores().__getitem__, images.get, tmp_path)
