"""The client of the OCI distribution API against docker-registry itself, without a login."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import ClassVar

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from intermodal.platform.deployment.image_signature import as_attachment, sign_image, verify_in_registry
from intermodal.platform.errors import Refused, Unavailable, UntrustedPackage
from intermodal.platform.ports import ImageRegistry
from tests import oci_layout
from tests.conformance.image_registry import SBOM, ImageRegistryConformance, Served
from tests.fault_proxy import Fault, FaultProxy, Seen
from tests.oci_layout import noise
from tests.plain_registry import NAME, VARIABLE, running
from tests.signing import PRIVATE, der, signature


class TestPlain(ImageRegistryConformance):
    adapter: ClassVar[str] = NAME

    @pytest.fixture(scope="class")
    def served(self, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
        with running(tmp_path_factory.mktemp("registry")) as url:
            yield Served(url, lambda origin: {VARIABLE: f"{origin}/team/models"})

    @pytest.mark.parametrize("status", [405, 501])
    def test_delete_where_registry_deletes_nothing_is_refused(
        self, watched: ImageRegistry, impatient: ImageRegistry, proxy: FaultProxy, repository: str, tmp_path: Path,
        status: int,
    ) -> None:  # fmt: skip
        digest = watched.push(oci_layout.build(tmp_path / "layout", [noise(1)], "one"), repository).digest
        proxy.faults = [Fault(status, match=lambda seen: seen.method == "DELETE")]
        with pytest.raises(Refused, match="deletes no images by this API"):
            impatient.delete(repository, digest, "one")
        assert watched.digest_of(repository, digest) == digest

    @pytest.mark.parametrize("done", [0, 1, 2])
    def test_delete_that_was_interrupted_is_finished_by_another(
        self, watched: ImageRegistry, impatient: ImageRegistry, proxy: FaultProxy, repository: str, tmp_path: Path,
        done: int,
    ) -> None:  # fmt: skip
        """``done``: the deletions before the registry fails."""
        digest = watched.push(oci_layout.build(tmp_path / "layout", [noise(1)], "one"), repository, "1.0.0").digest
        document = watched.attach(repository, digest, SBOM)
        seen: list[Seen] = []

        def later(request: Seen) -> bool:
            if request.method == "DELETE":
                seen.append(request)
            return request.method == "DELETE" and len(seen) > done

        proxy.faults = [Fault(503, match=later)]
        with pytest.raises(Unavailable):
            impatient.delete(repository, digest, "one")
        proxy.reset()
        assert watched.delete(repository, digest, "one")
        for reference in (digest, "1.0.0", document.digest, digest.replace(":", "-")):
            assert watched.digest_of(repository, reference) is None

    def test_verify_in_registry_needs_a_trusted_signature(
        self, registry: ImageRegistry, repository: str, layout: Path
    ) -> None:
        digest = registry.push(layout, repository).digest
        with pytest.raises(UntrustedPackage, match=f"{digest} is not signed"):
            verify_in_registry(registry, repository, digest, [der()])
        other = ec.generate_private_key(ec.SECP256R1())
        for private in (other, PRIVATE):
            bundle = sign_image(digest, "one", "p", partial(signature, private), der(private))
            registry.attach(repository, digest, as_attachment(bundle))
            if private is other:
                with pytest.raises(UntrustedPackage, match="not trusted"):
                    verify_in_registry(registry, repository, digest, [der()])
        verify_in_registry(registry, repository, digest, [der()])
