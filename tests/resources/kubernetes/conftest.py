from collections.abc import Iterator

import pytest

from intermodal.resources.kubernetes.api import Api
from intermodal.resources.kubernetes.connection import Connection, kubeconfig
from intermodal.resources.onprem.targets.kubernetes import OnpremKubernetesTarget
from tests.resources.kubernetes.controllers import Controllers
from tests.sandbox.kubernetes.conftest import cluster, namespace, server
from tests.sandbox.kubernetes.running import Running

__all__ = ["cluster", "namespace", "server"]


@pytest.fixture
def connection(cluster: Running) -> Connection:
    return Connection(lambda: kubeconfig(str(cluster.kubeconfig)), retry_seconds=1)


@pytest.fixture
def api(connection: Connection, namespace: str) -> Api:
    return Api(connection, namespace)


@pytest.fixture
def controllers(cluster: Running, namespace: str) -> Iterator[Controllers]:
    with Controllers(cluster, namespace).working() as found:
        yield found


@pytest.fixture
def target(cluster: Running, namespace: str) -> OnpremKubernetesTarget:
    return OnpremKubernetesTarget(
        kubeconfig=str(cluster.kubeconfig),
        namespace=namespace,
        gateway_cidrs=["10.0.0.0/24"],
        timeout_seconds=20,
        retry_seconds=1,
    )
