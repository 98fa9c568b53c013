"""What every ImageRegistry promises. An adapter's test inherits the class and gives a fixture:

class TestEcr(ImageRegistryConformance):
    adapter: ClassVar[str] = "aws"    # its entry point

    @pytest.fixture(scope="class")
    def served(self, sandbox): ...        # Served: the registry's address, and how an adapter is made of an address
"""

import json
import os
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest

from intermodal.platform.errors import IntermodalError, NotFound, Refused, SpecError, Throttled, Unavailable
from intermodal.platform.ports import ImageRegistry
from intermodal.platform.ports.images import Attachment
from intermodal.platform.targets import Site
from intermodal.resources.images.layout import Layout
from intermodal.sandbox.settings import free_port
from tests import oci_layout
from tests.fault_proxy import Fault, FaultProxy, Seen, fault_proxy
from tests.oci_layout import noise
from tests.plain_registry import images_adapter

ROOT = Path(__file__).resolve().parents[2]
SBOM = Attachment("application/vnd.cyclonedx+json", b'{"bomFormat": "CycloneDX"}', {"made.by": "tests"})
PROVENANCE = Attachment("application/vnd.in-toto+json", b'{"_type": "statement"}')
UNKNOWN_BLOB = '{"errors": [{"code": "MANIFEST_BLOB_UNKNOWN", "message": "blob unknown to registry", "detail": %s}]}'


@dataclass(frozen=True)
class Served:
    """``origin`` is scheme, host and port; ``variables`` makes an adapter's environment from an origin.

    ``proxied`` is the origin that a proxy stands before, where that is another one. ``secrets`` are texts that no
    error may have.
    """

    origin: str
    variables: Callable[[str], dict[str, str]]
    proxied: str = ""
    secrets: Callable[[ImageRegistry], tuple[str, ...]] = field(default=lambda _: ())


def is_upload(seen: Seen) -> bool:
    """A request with a layer's bytes."""
    return seen.method == "PATCH"


def is_manifest(seen: Seen) -> bool:
    return seen.method == "PUT" and "/manifests/" in seen.path


@pytest.mark.sandbox
class ImageRegistryConformance:
    adapter: ClassVar[str]

    @pytest.fixture(scope="class")
    def proxy(self, served: Served) -> Iterator[FaultProxy]:
        with fault_proxy(served.proxied or served.origin) as proxy:
            yield proxy

    def make(self, served: Served, origin: str, retry_seconds: float) -> ImageRegistry:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in served.variables(origin).items():
                patch.setenv(name, value)
            registry: Any = images_adapter(self.adapter).of(Site(self.adapter))
        registry.client.retry_seconds = retry_seconds
        return registry  # type: ignore[no-any-return]

    @pytest.fixture
    def registry(self, served: Served) -> ImageRegistry:
        return self.make(served, served.origin, 10)

    @pytest.fixture
    def watched(self, served: Served, proxy: FaultProxy) -> ImageRegistry:
        """The same registry through the proxy, whose counts and faults are reset."""
        proxy.reset()
        return self.make(served, proxy.url, 10)

    @pytest.fixture
    def impatient(self, served: Served, proxy: FaultProxy) -> ImageRegistry:
        proxy.reset()
        return self.make(served, proxy.url, 0.3)

    @pytest.fixture
    def repository(self, registry: ImageRegistry) -> str:
        return registry.repository(f"m{uuid.uuid4().hex[:12]}")

    @pytest.fixture
    def layout(self, tmp_path: Path) -> Path:
        return oci_layout.build(tmp_path / "layout", [noise(1), noise(2)])

    # Names

    def test_repositories_of_different_models_differ(self, registry: ImageRegistry) -> None:
        models = ("flight_delay", "flight__delay", "flight___delay", "flight_delay_", "flightdelay", "a")
        assert len({registry.repository(model) for model in models}) == len(models)
        assert registry.repository("flight_delay").endswith("flight_delay")
        assert registry.site == Site(self.adapter)

    @pytest.mark.parametrize("model", ["a_", "a__b_1", "a___b", "x" * 48])
    def test_push_to_any_models_repository(self, registry: ImageRegistry, layout: Path, model: str) -> None:
        repository = registry.repository(f"m{uuid.uuid4().hex[:8]}{model}"[:48])
        assert registry.push(layout, repository).digest == Layout.read(layout).digest

    # Pushes

    def test_push_keeps_the_layouts_digest(self, registry: ImageRegistry, repository: str, layout: Path) -> None:
        image = Layout.read(layout)
        report = registry.push(layout, repository, tag="1.0.0")
        assert report.digest == image.digest
        assert report.reference.endswith(f"/{repository}@{image.digest}")
        assert "://" not in report.reference
        assert set(report.blobs_pushed) == {blob.digest for blob in image.blobs}
        assert report.blobs_kept == ()
        assert registry.digest_of(repository, image.digest) == image.digest
        assert registry.digest_of(repository, "1.0.0") == image.digest
        assert registry.digest_of(repository, "2.0.0") is None
        assert registry.digest_of(repository, "sha256:" + "0" * 64) is None

    def test_push_again_moves_no_byte(
        self, watched: ImageRegistry, proxy: FaultProxy, repository: str, layout: Path
    ) -> None:
        first = watched.push(layout, repository, tag="1.0.0")
        proxy.reset()
        second = watched.push(layout, repository, tag="1.0.0")
        assert (second.bytes_pushed, second.blobs_pushed) == (0, ())
        assert set(second.blobs_kept) == set(first.blobs_pushed)
        assert second.reference == first.reference
        assert {seen.method for seen in proxy.seen if seen.path.startswith("/v2/")} == {"HEAD"}

    def test_push_retrained_moves_its_own_layer(
        self, watched: ImageRegistry, proxy: FaultProxy, repository: str, layout: Path, tmp_path: Path
    ) -> None:
        watched.push(layout, repository)
        retrained = oci_layout.build(tmp_path / "retrained", [noise(1), noise(3, 50_000)])
        image = Layout.read(retrained)
        layer, config = image.blobs[1], image.blobs[2]
        proxy.reset()
        report = watched.push(retrained, repository)
        assert set(report.blobs_pushed) == {layer.digest, config.digest}
        assert report.blobs_kept == (image.blobs[0].digest,)
        assert report.bytes_pushed == layer.size + config.size + len(image.manifest)
        assert len([seen for seen in proxy.seen if is_upload(seen)]) == 2

    def test_push_mounts_layers_of_another_repository(
        self, registry: ImageRegistry, repository: str, layout: Path
    ) -> None:
        registry.push(layout, repository)
        report = registry.push(layout, f"{repository}.other", mount_from=repository)
        assert (report.blobs_pushed, report.bytes_pushed) == ((), len(Layout.read(layout).manifest))
        assert registry.digest_of(f"{repository}.other", report.digest) == report.digest

    def test_push_without_the_mounts_repository_sends(
        self, registry: ImageRegistry, repository: str, layout: Path
    ) -> None:
        report = registry.push(layout, repository, mount_from=f"{repository}.none")
        assert len(report.blobs_pushed) == 3

    def test_push_large_layer_is_whole(self, registry: ImageRegistry, repository: str, tmp_path: Path) -> None:
        layout = oci_layout.build(tmp_path / "layout", [noise(4, 9 << 20)])
        report = registry.push(layout, repository)
        assert registry.digest_of(repository, report.digest) == Layout.read(layout).digest

    def test_push_killed_is_resumed(
        self, served: Served, watched: ImageRegistry, proxy: FaultProxy, repository: str, tmp_path: Path
    ) -> None:
        layout = oci_layout.build(tmp_path / "layout", [noise(seed) for seed in range(10, 16)])
        uploads: list[Seen] = []
        reached, killed = threading.Event(), threading.Event()

        def hold(seen: Seen) -> None:
            """Stop at the fourth layer, before its bytes."""
            if is_upload(seen):
                uploads.append(seen)
                if len(uploads) == 4:
                    reached.set()
                    killed.wait(60)

        proxy.on_request = hold
        child = self._child(served.variables(proxy.url), layout, repository)
        try:
            assert reached.wait(60)
        finally:
            child.send_signal(signal.SIGKILL)
            child.wait()
            killed.set()
        proxy.reset()
        assert watched.digest_of(repository, Layout.read(layout).digest) is None
        report = watched.push(layout, repository)
        image = Layout.read(layout)
        assert report.blobs_kept == tuple(blob.digest for blob in image.blobs[:3])
        sent = sum(blob.size for blob in image.blobs if blob.digest in report.blobs_pushed)
        assert report.bytes_pushed == sent + len(image.manifest)
        assert len([seen for seen in proxy.seen if is_upload(seen)]) == 4

    # Layouts

    @pytest.mark.parametrize("damage", ["bytes", "size", "missing", "link", "folder link", "index", "digest"])
    def test_push_damaged_layout_is_refused(
        self, registry: ImageRegistry, repository: str, layout: Path, tmp_path: Path, damage: str
    ) -> None:
        image = Layout.read(layout)
        victim = image.blobs[1].path
        if damage == "bytes":
            victim.write_bytes(b"x" * victim.stat().st_size)
        elif damage == "size":
            victim.write_bytes(b"x")
        elif damage == "missing":
            victim.unlink()
        elif damage == "link":
            victim.rename(tmp_path / "elsewhere")
            victim.symlink_to(tmp_path / "elsewhere")
        elif damage == "folder link":
            (layout / "blobs").rename(tmp_path / "blobs")
            (layout / "blobs").symlink_to(tmp_path / "blobs")
        elif damage == "index":
            (layout / "index.json").write_text('{"manifests": []}')
        else:
            text = (layout / "index.json").read_text()
            (layout / "index.json").write_text(text.replace(image.digest, "sha256:../../etc/passwd"))
        with pytest.raises(SpecError) as caught:
            registry.push(layout, repository)
        assert str(layout) in str(caught.value)
        assert registry.digest_of(repository, image.digest) is None

    # Documents

    def test_attach_document_is_listed_and_read(self, registry: ImageRegistry, repository: str, layout: Path) -> None:
        digest = registry.push(layout, repository).digest
        assert registry.attached(repository, digest) == ()
        sbom = registry.attach(repository, digest, SBOM)
        provenance = registry.attach(repository, digest, PROVENANCE)
        assert registry.attach(repository, digest, SBOM) == sbom
        assert [each.kind for each in registry.attached(repository, digest)] == [SBOM.kind, PROVENANCE.kind]
        assert registry.read_attached(repository, sbom.digest) == SBOM.data
        assert registry.read_attached(repository, provenance.digest) == PROVENANCE.data
        if sbom.fallback_tag:
            assert sbom.fallback_tag == digest.replace(":", "-")
            assert registry.digest_of(repository, sbom.fallback_tag)
        assert registry.digest_of(repository, digest) == digest

    def test_attach_to_no_image_is_not_found(self, registry: ImageRegistry, repository: str, layout: Path) -> None:
        registry.push(layout, repository)
        with pytest.raises(NotFound, match="0000"):
            registry.attach(repository, "sha256:" + "0" * 64, SBOM)

    # Deleting

    def test_delete_removes_the_image_and_its_documents(
        self, registry: ImageRegistry, repository: str, tmp_path: Path
    ) -> None:
        first = oci_layout.build(tmp_path / "first", [noise(1)], "one")
        kept = registry.push(oci_layout.build(tmp_path / "kept", [noise(2)], "one"), repository, tag="2.0.0").digest
        digest = registry.push(first, repository, tag="1.0.0").digest
        documents = [registry.attach(repository, digest, each) for each in (SBOM, PROVENANCE)]
        other = registry.attach(repository, kept, SBOM)
        assert registry.delete(repository, digest, "one")
        for reference in (digest, "1.0.0", *(each.digest for each in documents), digest.replace(":", "-")):
            assert registry.digest_of(repository, reference) is None
        assert registry.attached(repository, digest) == ()
        assert registry.digest_of(repository, "2.0.0") == kept
        assert registry.attached(repository, kept) == (other,)
        assert not registry.delete(repository, digest, "one")
        assert registry.push(first, repository, tag="1.0.0").digest == digest
        assert registry.digest_of(repository, "1.0.0") == digest

    @pytest.mark.parametrize("label", ["", "another"])
    def test_delete_image_of_another_model_is_refused(
        self, registry: ImageRegistry, repository: str, tmp_path: Path, label: str
    ) -> None:
        layout = oci_layout.build(tmp_path / "layout", [noise(1)], label)
        digest = registry.push(layout, repository).digest
        with pytest.raises(SpecError, match=f"not of 'one': .*'{label}'"):
            registry.delete(repository, digest, "one")
        assert registry.digest_of(repository, digest) == digest

    def test_delete_in_no_repository_is_nothing(self, registry: ImageRegistry, repository: str) -> None:
        assert not registry.delete(repository, "sha256:" + "0" * 64, "one")

    # Faults

    @pytest.mark.parametrize(
        ("status", "body", "expected", "text"),
        [
            (401, '{"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]}', Refused, "required"),
            (403, '{"errors": [{"code": "DENIED", "message": "no push"}]}', Refused, "no push"),
            (429, '{"errors": [{"code": "TOOMANYREQUESTS", "message": "slow"}]}', Throttled, "slow"),
            (500, "", Unavailable, "500"),
            (503, "<html>a page</html>", Unavailable, "503"),
            (507, "", Unavailable, "is full"),
            (500, '{"errors": [{"code": "UNKNOWN", "detail": {"Err": 28, "t": "no space left on device"}}]}',
             Unavailable, "is full"),
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("match", [is_upload, is_manifest])
    def test_push_lasting_failure_is_translated(
        self,
        served: Served,
        impatient: ImageRegistry,
        proxy: FaultProxy,
        repository: str,
        layout: Path,
        status: int,
        body: str,
        expected: type,
        text: str,
        match: Callable[[Seen], bool],
    ) -> None:
        fault = Fault(status, body=body, match=match)
        proxy.faults = [fault]
        with pytest.raises(expected) as caught:
            impatient.push(layout, repository)
        assert caught.type.__mro__.index(expected) <= 1
        assert text in str(caught.value)
        assert proxy.url.partition("://")[2] in str(caught.value)
        assert repository in str(caught.value)
        assert caught.value.hint
        for secret in served.secrets(impatient):
            assert secret not in f"{caught.value!r} {impatient!r} {vars(impatient)}"
        if text == "is full":
            assert fault.times == 1_000_000 - 1, "a full registry gets one request"
        proxy.reset()
        assert impatient.digest_of(repository, Layout.read(layout).digest) is None

    @pytest.mark.parametrize("status", [429, 500, 503])
    def test_push_failing_for_a_while_is_retried(
        self, watched: ImageRegistry, proxy: FaultProxy, repository: str, layout: Path, status: int
    ) -> None:
        proxy.faults = [
            Fault(status, times=1),
            Fault(status, times=2, match=is_upload),
            Fault(status, times=1, match=is_manifest),
        ]
        assert watched.push(layout, repository).digest == Layout.read(layout).digest
        assert [fault.times for fault in proxy.faults] == [0, 0, 0]

    def test_push_broken_in_a_layer_is_begun_again(
        self, watched: ImageRegistry, proxy: FaultProxy, repository: str, tmp_path: Path
    ) -> None:
        layout = oci_layout.build(tmp_path / "layout", [noise(5, 6 << 20)])
        proxy.faults = [Fault(0, times=1, read=1 << 20, match=is_upload)]
        report, image = watched.push(layout, repository), Layout.read(layout)
        assert proxy.faults[0].times == 0
        assert report.digest == image.digest
        assert report.bytes_pushed > sum(blob.size for blob in image.blobs) + len(image.manifest)

    def test_push_lost_answers_are_repeated(
        self, watched: ImageRegistry, proxy: FaultProxy, repository: str, layout: Path
    ) -> None:
        proxy.faults = [Fault(0, times=1, match=is_upload), Fault(0, times=1, match=is_manifest)]
        assert watched.push(layout, repository).digest == Layout.read(layout).digest
        assert [fault.times for fault in proxy.faults] == [0, 0]

    def test_push_lacking_layer_is_sent_once_more(
        self, watched: ImageRegistry, proxy: FaultProxy, repository: str, layout: Path
    ) -> None:
        image = Layout.read(layout)
        lacking = json.dumps({"digest": image.blobs[0].digest})
        proxy.faults = [Fault(400, times=1, body=UNKNOWN_BLOB % lacking, match=is_manifest)]
        report = watched.push(layout, repository)
        assert report.digest == image.digest
        assert len([seen for seen in proxy.seen if is_upload(seen)]) == len(image.blobs) + 1
        proxy.reset()
        proxy.faults = [Fault(400, body=UNKNOWN_BLOB % lacking, match=is_manifest)]
        with pytest.raises(NotFound, match=f"lacks layers.*{image.blobs[0].digest}"):
            watched.push(layout, repository, tag="other")

    def test_unreachable_registry_is_unavailable(self, served: Served, repository: str) -> None:
        nowhere = f"http://127.0.0.1:{free_port()}"
        with pytest.raises(Unavailable, match=nowhere.partition("://")[2]):
            self.make(served, nowhere, 0.3).digest_of(repository, "1.0.0")

    def test_push_rewritten_manifest_is_an_error(
        self, watched: ImageRegistry, proxy: FaultProxy, repository: str, layout: Path
    ) -> None:
        proxy.faults = [Fault(201, times=1, match=is_manifest)]  # says that it is stored, and it is not
        with pytest.raises(IntermodalError, match=r"stored .* as None"):
            watched.push(layout, repository)

    def _child(self, variables: dict[str, str], layout: Path, repository: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.conformance.push_child", self.adapter, str(layout), repository]
        return subprocess.Popen(command, cwd=ROOT, env={**os.environ, **variables})
