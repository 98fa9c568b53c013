"""The adapters in memory (tests/memory.py) pass the same conformance suites as the real ones."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from intermodal.platform.ports.endpoints import DeployRequest, Endpoint, Upstream
from intermodal.platform.ports.metrics import Figures
from intermodal.platform.ports.registry import Candidate, RegisteredVersion
from intermodal.platform.protocol import v2
from intermodal.platform.protocol.manifest import Manifest
from intermodal.platform.protocol.package import Golden, Package
from intermodal.platform.targets import Site, Target, sites_of
from tests import tiny_package
from tests.conformance.endpoint_target import EndpointTargetConformance
from tests.conformance.gateway import GatewayConformance
from tests.conformance.gauges import GaugesConformance, Kept
from tests.conformance.incidents import IncidentsConformance
from tests.conformance.metrics import MetricsConformance
from tests.conformance.model_registry import ModelRegistryConformance
from tests.conformance.notifications import Make, NotificationsConformance
from tests.conformance.notifier import NotifierConformance
from tests.conformance.object_store import ObjectStoreConformance
from tests.conformance.rollouts import RolloutsConformance
from tests.conformance.tables import TablesConformance
from tests.conformance.targets import StoresConformance, TargetsConformance
from tests.memory import (
    MemoryGateway,
    MemoryGauges,
    MemoryIncidents,
    MemoryMetrics,
    MemoryNotifications,
    MemoryNotifier,
    MemoryRegistry,
    MemoryRollouts,
    MemoryStore,
    MemoryStores,
    MemoryTables,
    MemoryTarget,
    MemoryTargets,
)
from tests.targets import AWS, AWS_EU, AZURE, GCP

SERVING = (AWS, AWS_EU, GCP, AZURE)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_package.build(tmp_path_factory.mktemp("package"))


def body_of(package: Path) -> bytes:
    return v2.request_body(Package.read(package).signature, Golden.read(package).rows)


class TestMemoryGateway(GatewayConformance):
    @pytest.fixture
    def adapters(self, package: Path) -> dict[Target, MemoryTarget]:
        stores = {site: MemoryStore(site) for site in sites_of(SERVING)}
        for store in stores.values():
            store.mirror(package, Manifest.of(package), "m/1.0.0")
        return {target: MemoryTarget(target, stores[target.site]) for target in SERVING}

    @pytest.fixture
    def gateway(self, adapters: dict[Target, MemoryTarget]) -> MemoryGateway:
        return MemoryGateway(list(adapters.values()))

    @pytest.fixture
    def upstreams(self, adapters: dict[Target, MemoryTarget]) -> Mapping[Target, Upstream]:
        found = {}
        for target, adapter in adapters.items():
            artifacts = adapter.store.uri("m/1.0.0")
            request = DeployRequest("m", "1.0.0", "sandbox", "team:t", "image", artifacts)
            found[target] = adapter.upstream(adapter.deploy(request))
        return found

    @pytest.fixture
    def body(self, package: Path) -> bytes:
        return body_of(package)

    @pytest.fixture
    def stop(self, adapters: dict[Target, MemoryTarget]) -> Callable[[Target], None]:
        return lambda target: setattr(adapters[target], "gone", True)


class TestMemoryRollouts(RolloutsConformance):
    @pytest.fixture
    def rollouts(self) -> MemoryRollouts:
        return MemoryRollouts()


class TestMemoryIncidents(IncidentsConformance):
    @pytest.fixture
    def incidents(self) -> MemoryIncidents:
        return MemoryIncidents()


class TestMemoryTables(TablesConformance):
    @pytest.fixture
    def tables(self) -> MemoryTables:
        return MemoryTables()


class TestMemoryNotifications(NotificationsConformance):
    @pytest.fixture
    def make(self) -> Make:
        kept = MemoryNotifications()
        return lambda notifier: MemoryNotifications(notifier, kept.taken, kept.delivered)


class TestMemoryNotifier(NotifierConformance):
    @pytest.fixture
    def notifier(self) -> MemoryNotifier:
        return MemoryNotifier()

    @pytest.fixture
    def arrived(self, notifier: MemoryNotifier) -> Callable[[], Sequence[str]]:
        return lambda: [repr(notice) for notice in notifier.sent]

    @pytest.fixture
    def without_recipients(self) -> MemoryNotifier:
        return MemoryNotifier(configured=False)

    @pytest.fixture
    def refused(self) -> MemoryNotifier:
        return MemoryNotifier(refuses=True)


class TestMemoryGauges(GaugesConformance):
    @pytest.fixture
    def gauges(self) -> MemoryGauges:
        return MemoryGauges()

    @pytest.fixture
    def kept(self, gauges: MemoryGauges) -> Kept:
        return lambda group, name: {
            frozenset(labels.items()): value for pushed, labels, value in gauges.pushed.get(group, ()) if pushed == name
        }

    @pytest.fixture
    def unreachable(self) -> MemoryGauges:
        return MemoryGauges(down=True)


class TestMemoryMetrics(MetricsConformance):
    @pytest.fixture
    def metrics(self) -> MemoryMetrics:
        rows = [Figures("gateway", model, target) for model, target in (("m", AWS), ("m", GCP), ("n", AWS))]
        return MemoryMetrics("gateway", rows)

    @pytest.fixture
    def unreachable(self) -> MemoryMetrics:
        return MemoryMetrics("gateway", down=True)


class TestMemoryTargets(TargetsConformance):
    @pytest.fixture
    def targets(self) -> MemoryTargets:
        return MemoryTargets.of(MemoryTarget(target, MemoryStore(target.site)) for target in SERVING)


class TestMemoryStores(StoresConformance):
    @pytest.fixture
    def sites(self) -> list[Site]:
        return [Site("aws"), Site("aws", "eu-west-1")]

    @pytest.fixture
    def stores(self, sites: list[Site]) -> MemoryStores:
        return MemoryStores.of(MemoryStore(site) for site in sites)


class TestMemoryRegistry(ModelRegistryConformance):
    @pytest.fixture
    def registry(self, tmp_path: Path) -> MemoryRegistry:
        return MemoryRegistry(tmp_path / "registry")

    @pytest.fixture
    def start_run(self) -> Callable[[], str]:
        numbers = itertools.count()
        return lambda: f"run-{next(numbers)}"

    def delete_version(self, registry: MemoryRegistry, version: RegisteredVersion) -> None:  # type: ignore[override]
        registry.registered.remove(version)

    def delete_model(self, registry: MemoryRegistry, model: str) -> None:  # type: ignore[override]
        registry.registered = [version for version in registry.registered if version.model != model]

    def lose_run(self, registry: MemoryRegistry, candidate: Candidate) -> None:  # type: ignore[override]
        registry.lost[candidate.record.run_id] = "it was deleted."

    def damage_manifest(self, registry: MemoryRegistry, candidate: Candidate) -> None:  # type: ignore[override]
        registry.lost[candidate.record.run_id] = "manifest.json is damaged."

    def lose_artifact(self, registry: MemoryRegistry, candidate: Candidate, path: str) -> None:  # type: ignore[override]
        registry.lost[candidate.record.run_id] = f"{path} is missing."

    test_read_record_without_its_run_is_not_found = None  # type: ignore[assignment]
    """The twin has no runs: it reads a package from its folder."""


class TestMemoryStore:
    """The cases of the suite that need a store and no emulator behind a proxy: faults, kills and sizes are the
    adapters' own."""

    @pytest.fixture
    def store(self) -> MemoryStore:
        return MemoryStore(Site("aws"))

    prefix = ObjectStoreConformance.prefix
    test_put_object_is_read_and_listed = ObjectStoreConformance.test_put_object_is_read_and_listed
    test_download_object_is_written_and_hashed = ObjectStoreConformance.test_download_object_is_written_and_hashed
    test_missing_name_is_not_found = ObjectStoreConformance.test_missing_name_is_not_found
    test_delete_is_idempotent = ObjectStoreConformance.test_delete_is_idempotent
    test_mirror_has_exactly_the_manifests_files = ObjectStoreConformance.test_mirror_has_exactly_the_manifests_files
    test_mirror_empty_version_is_a_manifest = ObjectStoreConformance.test_mirror_empty_version_is_a_manifest
    test_another_version = ObjectStoreConformance.test_mirror_another_version_replaces_the_first
    test_mirror_changed_source_is_an_error = ObjectStoreConformance.test_mirror_changed_source_is_an_error
    test_mirror_failed_repair_leaves_no_manifest = ObjectStoreConformance.test_mirror_failed_repair_leaves_no_manifest
    test_names_are_refused = ObjectStoreConformance.test_mirror_unportable_name_is_refused


class TestMemoryTarget:
    """The cases of the suite that need an adapter and no sandbox: processes, faults, kills and the prediction log are
    the adapters' own."""

    @pytest.fixture(scope="class")
    def target(self) -> MemoryTarget:
        return MemoryTarget(AWS, MemoryStore(AWS.site))

    @pytest.fixture(scope="class")
    def request_(self, target: MemoryTarget, package: Path) -> DeployRequest:
        target.store.mirror(package, Manifest.of(package), "flight_delay/1.2.0")
        artifacts = target.store.uri("flight_delay/1.2.0")
        return DeployRequest("flight_delay", "1.2.0", "conformance", "team:airline-operations", "image", artifacts)

    @pytest.fixture(scope="class")
    def endpoint(self, target: MemoryTarget, request_: DeployRequest) -> Iterator[Endpoint]:
        yield target.deploy(request_)
        target.delete(request_.name)

    body = staticmethod(body_of)
    holds = EndpointTargetConformance.holds
    test_it_answers = EndpointTargetConformance.test_invoke_golden_rows_predicts_as_recorded
    test_list_is_by_environment_and_model = EndpointTargetConformance.test_list_is_by_environment_and_model
    test_a_wrong_body = EndpointTargetConformance.test_invoke_wrong_body_names_the_column
    test_missing_name_is_not_found = EndpointTargetConformance.test_missing_name_is_not_found
    test_a_failed_update = EndpointTargetConformance.test_deploy_failed_update_keeps_the_old_one_serving
    test_endpoint_of_another = EndpointTargetConformance.test_endpoint_of_another_is_neither_updated_nor_deleted
    test_two_deploys_at_once = EndpointTargetConformance.test_deploy_twice_at_once_both_end_ready
