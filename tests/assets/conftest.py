"""A second model, of another kind, loaded from a folder by Dagster's component system, with every port in memory."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
from dagster.components.testing import create_defs_folder_sandbox

from intermodal.platform import catalogue
from intermodal.platform.targets import Site, Target, sites_of
from tests.memory import (
    MemoryDeployment,
    MemoryGateway,
    MemoryGauges,
    MemoryImageBuilder,
    MemoryImageRegistry,
    MemoryImages,
    MemoryIncidents,
    MemoryLocker,
    MemoryMetrics,
    MemoryNotifications,
    MemoryNotifier,
    MemoryPackageServer,
    MemoryRegistry,
    MemoryRollouts,
    MemorySigner,
    MemoryStore,
    MemoryStores,
    MemoryTables,
    MemoryTarget,
    MemoryTargets,
)
from tests.sensors.support import be_patient
from tests.targets import AWS_EU, EKS, TARGETS

MODELS = Path(__file__).parent.parent / "models"
WINE = MODELS / "wine"
MONTHS = {"dagster/asset_partition_range_start": "2020-01-01", "dagster/asset_partition_range_end": "2020-03-01"}


class FakeMlflow:
    """What the model asset needs of dagster-mlflow: the run that belongs to this Dagster run."""

    def __init__(self) -> None:
        self.count = 0

    def active_run(self) -> Any:
        self.count += 1
        return SimpleNamespace(info=SimpleNamespace(run_id=f"run-{self.count}"))

    def end_run(self) -> None: ...


@dataclass
class World:
    """The definitions of a model and everything they act on."""

    defs: dg.Definitions
    resources: dict[str, Any]
    instance: dg.DagsterInstance
    tables: MemoryTables
    registry: MemoryRegistry
    stores: dict[Site, MemoryStore]
    targets: dict[Target, MemoryTarget]
    gateway: MemoryGateway
    incidents: MemoryIncidents
    notifier: MemoryNotifier
    gauges: MemoryGauges
    metrics: dict[str, MemoryMetrics]
    deployment: MemoryDeployment
    images: dict[Site, MemoryImageRegistry]
    image_builder: MemoryImageBuilder
    model: str = "wine"

    def run(self, job: str, config: dict[str, Any] | None = None, **options: Any) -> dg.ExecuteInProcessResult:
        tags = {} if "asset_selection" in options else MONTHS
        return self.defs.resolve_job_def(job).execute_in_process(
            instance=self.instance, tags=tags, raise_on_error=False, run_config=config, **options
        )

    def metadata(self, *key: str) -> dict[str, Any]:
        event = self.instance.get_latest_materialization_event(dg.AssetKey([self.model, *key]))
        assert event is not None
        assert event.asset_materialization is not None
        return {name: value.value for name, value in event.asset_materialization.metadata.items()}

    def observed(self, *key: str) -> dict[str, Any]:
        """Metadata of the newest observation."""
        (record,) = self.instance.fetch_observations(dg.AssetKey([self.model, *key]), limit=1).records
        assert record.asset_observation is not None
        return {name: value.value for name, value in record.asset_observation.metadata.items()}


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine is, a registry and a notifier in memory answer; and no test gets the answer to another's
    question."""
    be_patient(monkeypatch)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with world_of(tmp_path) as made:
        yield made


@pytest.fixture
def deployed(world: World) -> World:
    assert world.run("train_and_deploy_wine").success
    return world


@pytest.fixture
def cold_world(tmp_path: Path) -> Iterator[World]:
    """Azure runs nothing until AWS fails."""
    with world_of(tmp_path, "  failover: {order: [aws, azure, gcp], cold: [azure]}\n") as made:
        yield made


TWO_ON_AWS = "  serve: [aws/sagemaker, aws/eks, gcp/cloud-run, azure/ml]\n"


@pytest.fixture
def eks_is_installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The catalogue's aws/eks has the class of aws/sagemaker, and so needs no cluster."""
    installed = catalogue._installed

    def with_eks(group: catalogue.Group) -> Mapping[str, Any]:
        known = installed(group)
        return {**known, "aws/eks": known["aws/sagemaker"]} if group == "targets" else known

    monkeypatch.setattr(catalogue, "_installed", with_eks)
    catalogue.load.cache_clear()  # an earlier test may have loaded the real one
    yield
    catalogue.load.cache_clear()


@pytest.fixture
def twin_world(tmp_path: Path, eks_is_installed: None) -> Iterator[World]:  # noqa: ARG001
    """Two targets at the site aws, with a share of 3 each; gcp has 2, azure 0."""
    with world_of(tmp_path, TWO_ON_AWS) as made:
        assert made.run("train_and_deploy_wine").success
        yield made


@contextmanager
def world_of(tmp_path: Path, more: str = "", *, model: str = "wine", **ports: Any) -> Iterator[World]:
    """The world of a folder of ``tests/models``. ``more`` has further lines of the spec, ``ports`` what is not in
    memory."""
    known = (*TARGETS, EKS, AWS_EU)
    stores = {site: MemoryStore(site) for site in sites_of(known)}
    targets = {target: MemoryTarget(target, stores[target.site]) for target in known}
    tables, registry, gateway = MemoryTables(), MemoryRegistry(tmp_path), MemoryGateway(list(targets.values()))
    deployment = ports.get("deployment", MemoryDeployment())
    images, image_builder = MemoryImages.of(stores), MemoryImageBuilder()
    incidents, notifier, gauges = MemoryIncidents(), MemoryNotifier(), MemoryGauges()
    sources = {"metrics": "prometheus", "gateway_metrics": "gateway"}
    metrics = {key: MemoryMetrics(source) for key, source in sources.items()}
    resources = {
        "incidents": incidents,
        "rollouts": MemoryRollouts(),
        "notifications": MemoryNotifications(notifier),
        "gauges": gauges,
        **metrics,
        "tables": tables,
        "registry": registry,
        "gateway": gateway,
        "deployment": deployment,
        "mlflow": FakeMlflow(),
        "package_server": MemoryPackageServer(),
        "signer": MemorySigner(),
        "locker": MemoryLocker(),
        "images": images,
        "image_builder": image_builder,
        "stores": MemoryStores.of(stores.values()),
        "targets": MemoryTargets.of(targets.values()),
        **ports,
    }
    with _definitions(resources, more, model) as defs, dg.DagsterInstance.ephemeral() as instance:
        yield World(
            defs,
            resources,
            instance,
            tables,
            registry,
            stores,
            targets,
            gateway,
            incidents,
            notifier,
            gauges,
            metrics,
            deployment,
            dict(images.registries),
            image_builder,
            model,
        )


@contextmanager
def another_spec(world: World, more: str) -> Iterator[World]:
    """The same world after a user added lines to the spec and reloaded the definitions."""
    with _definitions(world.resources, more, world.model) as defs:
        yield replace(world, defs=defs)


@contextmanager
def _definitions(resources: dict[str, Any], more: str, model: str) -> Iterator[dg.Definitions]:
    with create_defs_folder_sandbox() as sandbox:
        folder = sandbox.defs_folder_path / model
        shutil.copytree(MODELS / model, folder, ignore=shutil.ignore_patterns("__pycache__"))
        with (folder / "defs.yaml").open("a", encoding="utf-8") as written:
            written.write(more)
        with sandbox.build_all_defs() as defs:
            yield dg.Definitions.merge(defs, dg.Definitions(resources=resources))
