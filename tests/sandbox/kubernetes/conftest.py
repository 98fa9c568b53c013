import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from kubernetes import client as kube
from kubernetes import config, dynamic

from intermodal.sandbox.faults import Faults
from intermodal.sandbox.kubernetes.resources import NAMESPACE
from intermodal.sandbox.kubernetes.server import Settings
from intermodal.sandbox.settings import free_port
from tests.sandbox.kubernetes.running import Kubectl, Running, running

TOKEN = "a-token-for-tests"
_numbers = itertools.count(1)


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(Settings("test", tmp_path_factory.mktemp("cluster"), free_port(), TOKEN)) as found:
        yield found


@pytest.fixture
def cluster(server: Running) -> Iterator[Running]:
    """The package's cluster, without faults and refusals of earlier tests."""
    yield server
    server.cluster.faults = Faults()
    server.cluster.access.refusals = []


@pytest.fixture
def namespace(cluster: Running) -> str:
    """A namespace that only this test uses."""
    name = f"test-{next(_numbers)}"
    cluster.call(lambda: cluster.cluster.objects.create(NAMESPACE, {"metadata": {"name": name}}))
    return name


@pytest.fixture
def kubectl(cluster: Running, namespace: str, tmp_path: Path) -> Kubectl:
    return Kubectl(cluster.kubeconfig, namespace, tmp_path / "cache")


@pytest.fixture
def api(cluster: Running) -> Iterator[kube.ApiClient]:
    """The official Python client."""
    with config.new_client_from_config(str(cluster.kubeconfig)) as found:
        yield found


@pytest.fixture
def dynamic_client(api: kube.ApiClient, tmp_path: Path) -> dynamic.DynamicClient:
    return dynamic.DynamicClient(api, cache_file=str(tmp_path / "discovery.json"))
