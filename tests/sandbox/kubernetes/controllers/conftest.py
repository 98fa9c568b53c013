"""A cluster whose controllers run Pods as processes of the packaged server, or of a command."""

import importlib.metadata
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from intermodal.sandbox.kubernetes.controllers.options import Options
from intermodal.sandbox.kubernetes.resources import NAMESPACE
from intermodal.sandbox.kubernetes.server import Settings
from intermodal.sandbox.settings import IMAGE, free_port
from tests.sandbox.kubernetes.running import Kubectl, Running, running

SERVER = f"registry/{IMAGE}:{importlib.metadata.version('intermodal')}"
PACE = 0.1
_numbers = itertools.count(1)


@pytest.fixture(scope="package")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    options = Options(cpu="8", memory="16Gi", pace=PACE)
    with running(Settings("test", tmp_path_factory.mktemp("node"), free_port(), "a-token", run=options)) as found:
        yield found


@pytest.fixture
def kubectl(node: Running, tmp_path: Path) -> Iterator[Kubectl]:
    """With a namespace that only this test uses, and that ends with it."""
    name = f"pods-{next(_numbers)}"
    node.call(lambda: node.cluster.objects.create(NAMESPACE, {"metadata": {"name": name}}))
    yield Kubectl(node.kubeconfig, name, tmp_path / "cache")
    node.call(lambda: node.cluster.objects.delete(NAMESPACE, "", name))
