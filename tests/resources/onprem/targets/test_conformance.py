"""OnpremKubernetesTarget in the sandbox's cluster, whose controllers run the served image, by its digest."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar

import httpx
import psutil
import pytest

from intermodal.platform.ports import ObjectStore
from intermodal.platform.protocol.manifest import Manifest
from intermodal.platform.targets import Site, Target
from intermodal.resources.image_build.builder import LocalImageBuilder
from intermodal.resources.onprem.images import OnpremRegistry
from intermodal.resources.onprem.object_store import KEY, SECRET, OnpremObjectStore
from intermodal.resources.onprem.targets.kubernetes import OnpremKubernetesTarget
from intermodal.sandbox.faults import FAULTS_PATH, Faults
from intermodal.sandbox.kubernetes import resources
from intermodal.sandbox.kubernetes.controllers.options import Options
from intermodal.sandbox.kubernetes.server import OUTAGES_PATH, Settings
from intermodal.sandbox.settings import free_port
from tests import tiny_package
from tests.conformance.endpoint_target import EndpointTargetConformance, Upload
from tests.emulators import Emulator, moto
from tests.plain_registry import running as registry_running
from tests.resources.onprem.site import SETTINGS
from tests.sandbox.kubernetes.running import Running, running

__all__ = ["moto"]
CACHE = Path(__file__).resolve().parents[4] / ".intermodal/images"
SITE = Site("onprem")
NAMESPACE, STORE_SECRET = "models", "object-store"
KEYS = {"AWS_ACCESS_KEY_ID": "AKIASERVERS", "AWS_SECRET_ACCESS_KEY": "of-the-servers"}


@dataclass(frozen=True)
class ClusterProvider:
    """Fulfils ``Provider``."""

    cluster: Running

    def servers(self) -> list[psutil.Process]:
        """The containers' first processes; each has workers. Their root has the cluster's folder below it."""
        home, found = f"{self.cluster.cluster.settings.home}/", []
        for process in psutil.process_iter():
            try:
                mounts = Path(f"/proc/{process.pid}/mountinfo").read_text("utf-8")
                if "intermodal.serving" in process.cmdline() and home in mounts:
                    found.append(process)
            except (psutil.Error, OSError):
                continue
        pids = {process.pid for process in found}
        return [process for process in found if process.ppid() not in pids]

    @contextmanager
    def faults(self, faults: Faults) -> Iterator[None]:
        self._put(FAULTS_PATH, asdict(faults))
        try:
            yield
        finally:
            self._put(FAULTS_PATH, asdict(Faults()))

    def outage(self) -> None:
        self._put(OUTAGES_PATH, {"api": True, "nodes": True})

    def start(self) -> None:
        self._put(OUTAGES_PATH, {})

    def _put(self, path: str, document: object) -> None:
        address = self.cluster.cluster.address
        httpx.put(f"{address}{path}", json=document, verify=False, timeout=60, trust_env=False).raise_for_status()


@pytest.fixture(scope="module")
def site(moto: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Settings of the site, whose registry and store run."""
    home = tmp_path_factory.mktemp("site")
    with registry_running(home / "registry") as registry, pytest.MonkeyPatch.context() as patch:
        own = {
            **SETTINGS, KEY: "AKIADAGSTER", SECRET: "of-dagster",
            "INTERMODAL_ONPREM_NAMESPACE": NAMESPACE,
            "INTERMODAL_ONPREM_GATEWAY_CIDRS": "127.0.0.0/8",
            "INTERMODAL_ONPREM_SECRET": STORE_SECRET,
            "INTERMODAL_ONPREM_STORE_URL": moto.url,
            "INTERMODAL_ONPREM_BUCKET": moto.bucket,
            "INTERMODAL_ONPREM_REGISTRY": f"{registry}/team",
            "INTERMODAL_IMAGE_CACHE": os.environ.get("INTERMODAL_IMAGE_CACHE", str(CACHE)),
        }  # fmt: skip
        for name, value in own.items():
            patch.setenv(name, value)
        yield home


@pytest.fixture(scope="module")
def cluster(site: Path) -> Iterator[Running]:
    """With a namespace, and the Secret that its owner makes."""
    options = Options(registry=str(SITE), environ=dict(os.environ), pace=0.1)
    with running(Settings("conformance", site / "cluster", free_port(), "a-token", run=options)) as found:
        objects = found.cluster.objects
        secret = {"metadata": {"name": STORE_SECRET, "namespace": NAMESPACE}, "stringData": KEYS}
        found.call(lambda: objects.create(resources.NAMESPACE, {"metadata": {"name": NAMESPACE}}))
        found.call(lambda: objects.create(resources.SECRET, secret, NAMESPACE))
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("INTERMODAL_ONPREM_KUBECONFIG", str(found.kubeconfig))
            yield found


@pytest.mark.sandbox
@pytest.mark.timeout(600)
class TestKubernetes(EndpointTargetConformance):
    adapter: ClassVar[str] = "onprem/kubernetes"
    open_upstream: ClassVar[str] = "the NetworkPolicy lets in the gateway's networks only"

    @pytest.fixture(scope="class")
    def provider(self, cluster: Running) -> ClusterProvider:
        return ClusterProvider(cluster)

    @pytest.fixture(scope="class")
    def make_target(self, cluster: Running) -> Callable[[], OnpremKubernetesTarget]:
        assert cluster.kubeconfig.is_file()

        def make() -> OnpremKubernetesTarget:
            found = OnpremKubernetesTarget.of(Target("onprem", "kubernetes"))
            return found.model_copy(update={"timeout_seconds": 120.0, "retry_seconds": 5.0})

        return make

    @pytest.fixture(scope="class")
    def store(self, cluster: Running) -> ObjectStore:
        assert cluster.kubeconfig.is_file()
        return OnpremObjectStore.of(SITE)

    @pytest.fixture(scope="class")
    def upload(self, store: ObjectStore) -> Upload:
        return lambda folder, prefix: store.mirror(folder, Manifest.of(folder), prefix).uri

    @pytest.fixture(scope="class")
    def image(self, cluster: Running, tmp_path_factory: pytest.TempPathFactory) -> str:
        """Of the packaged server, with a model that artifacts replace."""
        assert cluster.kubeconfig.is_file()
        folder = tmp_path_factory.mktemp("image")
        package = tiny_package.build(folder / "package", seed=3)
        LocalImageBuilder().build(package, "0.0.1", Manifest.of(package).digest, folder / "layout")
        registry = OnpremRegistry.of(SITE)
        return registry.push(folder / "layout", registry.repository("server")).reference
