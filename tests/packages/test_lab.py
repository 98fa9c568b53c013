"""A target that a third party adds: one package, one test file, and no change of the project.

The package is built as a wheel and unpacked, which is what installing it does, into a folder on ``sys.path``.
"""

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import psutil
import pytest

from intermodal.platform import catalogue
from intermodal.platform.errors import DeployFailed, NotFound, SpecError
from intermodal.platform.ports import EndpointTarget, ObjectStore
from intermodal.platform.ports.endpoints import DeployRequest
from intermodal.platform.protocol import parity, v2
from intermodal.platform.protocol.manifest import Manifest
from intermodal.platform.protocol.package import Golden, Package
from intermodal.platform.targets import Site, Target
from intermodal.resources.adapters import CatalogueStores, CatalogueTargets
from intermodal.resources.deployment import DeploymentSettings
from intermodal.sandbox.faults import Faults
from tests import tiny_package
from tests.conformance.endpoint_target import REGION, EndpointTargetConformance, Upload
from tests.conformance.object_store import ObjectStoreConformance, Storage

PACKAGE = Path(__file__).parent / "lab"
TARGET = Target("lab", "process")
NO_API = "lab/process: no API stands between adapter and process that could be disturbed"


def _forget_catalogue() -> None:
    catalogue._installed.cache_clear()
    catalogue.load.cache_clear()


@pytest.fixture(scope="module", autouse=True)
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder in which the package is installed, for this process and for its children."""
    wheels, site = tmp_path_factory.mktemp("wheels"), tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(wheels)]
    subprocess.run(build, cwd=PACKAGE, check=True, capture_output=True)
    with zipfile.ZipFile(next(wheels.glob("*.whl"))) as wheel:
        wheel.extractall(site)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(site))
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")])))
        _forget_catalogue()
        yield site
    _forget_catalogue()
    for name in [name for name in sys.modules if name.partition(".")[0] == "intermodal_lab"]:
        del sys.modules[name]


@dataclass(frozen=True)
class Machine:
    """This machine as the provider of the target."""

    folder: Path

    def servers(self) -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter():
            try:
                if any(part.startswith(str(self.folder)) for part in process.cmdline()):
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def faults(self, faults: Faults) -> AbstractContextManager[None]:
        pytest.skip(f"{NO_API}: {faults}")

    def outage(self) -> None:
        pytest.skip(NO_API)

    def start(self) -> None:
        """Nothing to do: there is no outage."""


@pytest.mark.sandbox
class TestProcess(EndpointTargetConformance):
    adapter: ClassVar[str] = "lab/process"
    open_upstream: ClassVar[str] = "the process listens on the loopback interface only"
    any_image: ClassVar[str] = "the image is this machine's own packaged server"

    @pytest.fixture(scope="class")
    def folder(self, tmp_path_factory: pytest.TempPathFactory) -> Path:
        return tmp_path_factory.mktemp("machine")

    @pytest.fixture(scope="class", autouse=True)
    def provider(self, folder: Path) -> Iterator[Machine]:
        machine = Machine(folder)
        yield machine
        assert machine.servers() == []
        assert list(folder.glob("endpoints/*.json")) == []

    @pytest.fixture(scope="class")
    def make_target(self, folder: Path) -> Callable[[], EndpointTarget]:
        return lambda: catalogue.load("targets", self.adapter)(folder)

    @pytest.fixture(scope="class")
    def named(self, folder: Path) -> EndpointTarget:
        return catalogue.load("targets", self.adapter)(folder, REGION)

    @pytest.fixture(scope="class")
    def store(self, folder: Path) -> ObjectStore:
        return catalogue.load("object_stores", "lab")(folder=str(folder))

    @pytest.fixture(scope="class")
    def upload(self, folder: Path) -> Upload:
        def put(source: Path, prefix: str) -> str:
            shutil.copytree(source, folder / "uploads" / prefix, dirs_exist_ok=True)
            return (folder / "uploads" / prefix).as_uri()

        return put

    @pytest.fixture(scope="class")
    def image(self) -> str:
        return "any text"

    def test_deploy_killed_after_start_is_continued(
        self, target: EndpointTarget, request_: DeployRequest, provider: Machine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from intermodal_lab.processes import Server

        def kill(*_: object) -> str:
            raise KeyboardInterrupt

        halfway = replace(request_, environment="halfway")
        monkeypatch.setattr(Server, "wait", kill)
        with pytest.raises(KeyboardInterrupt):
            target.deploy(halfway)
        monkeypatch.undo()
        found, before = target.describe(halfway.name), {process.pid for process in provider.servers()}
        assert found is not None
        assert found.state == "creating"
        assert target.deploy(halfway).state == "ready"
        assert {process.pid for process in provider.servers()} == before
        target.delete(halfway.name)

    def test_artifacts_of_another_store_are_refused(self, target: EndpointTarget, request_: DeployRequest) -> None:
        with pytest.raises(SpecError, match="s3://"):
            target.deploy(replace(request_, artifacts="s3://bucket/prefix"))

    def test_package_that_does_not_load_is_a_failed_deploy(
        self, target: EndpointTarget, request_: DeployRequest, upload: Upload, tmp_path: Path
    ) -> None:
        (tmp_path / "intermodal.json").write_text("{}", encoding="utf-8")
        damaged = replace(request_, environment="damaged", artifacts=upload(tmp_path, "damaged/1.0.0"))
        with pytest.raises(DeployFailed, match=r"the server ended: .*intermodal\.json"):
            target.deploy(damaged)
        assert target.describe(damaged.name) is None


class TestFolder(ObjectStoreConformance):
    adapter: ClassVar[str] = "lab"

    @pytest.fixture(scope="class")
    def storage(self, tmp_path_factory: pytest.TempPathFactory) -> Storage:
        folder = str(tmp_path_factory.mktemp("folder"))

        def config(_: str) -> dict[str, Any]:
            return {"folder": folder}

        return Storage("", config, "folder", no_proxy="lab: a folder has no requests that a proxy could see")


def test_package_is_found_by_its_entry_points(installed: Path) -> None:
    assert "lab/process" in catalogue.names("targets")
    assert "lab" in catalogue.names("object_stores")
    assert Path(sys.modules[catalogue.load("targets", "lab/process").__module__].__file__ or "").is_relative_to(
        installed
    )


def test_cloud_is_enabled_by_its_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTERMODAL_ENV", "staging")
    monkeypatch.setenv("INTERMODAL_LAB_FOLDER", str(tmp_path))
    monkeypatch.delenv("INTERMODAL_CLOUDS", raising=False)
    assert "lab" in catalogue.enabled_clouds()
    monkeypatch.delenv("INTERMODAL_LAB_FOLDER")
    assert "lab" not in catalogue.enabled_clouds()
    with pytest.raises(SpecError, match="Set INTERMODAL_LAB_FOLDER"):
        catalogue.require_enabled(TARGET)
    with pytest.raises(SpecError, match="lab is not configured: INTERMODAL_LAB_FOLDER not set"):
        CatalogueStores().get(Site("lab"))


def test_spec_without_serve_does_not_use_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTERMODAL_CLOUDS", "aws,lab")
    assert TARGET in catalogue.enabled_targets()
    assert TARGET not in catalogue.default_targets()


@pytest.mark.sandbox
def test_version_is_mirrored_and_served_through_the_catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "site").mkdir()
    monkeypatch.setenv("INTERMODAL_CLOUDS", "lab")
    monkeypatch.setenv("INTERMODAL_LAB_FOLDER", str(tmp_path / "site"))
    monkeypatch.setenv("INTERMODAL_LAB_IMAGE", "any text")
    source = tiny_package.build(tmp_path / "package")
    targets, store = CatalogueTargets(), CatalogueStores().get(TARGET.site)
    assert list(targets.enabled()) == [TARGET]
    report = store.mirror(source, Manifest.of(source), "flight_delay/1.0.0")
    image = DeploymentSettings(environment="sandbox").image(TARGET.site)
    request = DeployRequest("flight_delay", "1.0.0", "sandbox", "team:a", image, report.uri)
    adapter = targets.get(TARGET)
    try:
        endpoint = adapter.deploy(request)
        golden = Golden.read(source)
        answer = adapter.invoke(endpoint.name, v2.request_body(Package.read(source).signature, golden.rows))
        assert parity.holds(golden.predictions, v2.predictions(answer))
    finally:
        adapter.delete(request.name)
    with pytest.raises(NotFound):
        adapter.invoke(request.name, b"{}")
