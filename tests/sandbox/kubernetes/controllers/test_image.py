"""The served image in a cluster: pulled by digest from a site's registry, its model from the site's object store."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from intermodal.assets.deployment.endpoint import golden_of
from intermodal.platform.errors import DeployFailed
from intermodal.platform.ports.endpoints import DeployRequest
from intermodal.platform.protocol import v2
from intermodal.platform.protocol.parity import worst
from intermodal.resources.adapters import CatalogueImages, CatalogueStores
from intermodal.resources.deployment import DeploymentSettings
from intermodal.resources.image_build.builder import LocalImageBuilder
from intermodal.resources.onprem.targets.kubernetes import OnpremKubernetesTarget
from intermodal.resources.signing import PemSigner, write_key
from intermodal.sandbox.kubernetes.controllers.options import Options
from intermodal.sandbox.kubernetes.server import Settings
from intermodal.sandbox.settings import free_port
from tests.assets.conftest import World, another_spec, world  # noqa: F401
from tests.sandbox.kubernetes.controllers.conftest import SERVER
from tests.sandbox.kubernetes.controllers.documents import service
from tests.sandbox.kubernetes.controllers.load import Load
from tests.sandbox.kubernetes.controllers.test_pods import process
from tests.sandbox.kubernetes.controllers.test_rollouts import address
from tests.sandbox.kubernetes.running import Kubectl, running
from tests.sandbox_fixture import Sandbox, sandbox  # noqa: F401
from tests.targets import AWS

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(600)]
CACHE = Path(__file__).resolve().parents[4] / ".intermodal/images"
KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL")


@dataclass(frozen=True)
class Built:
    world: World
    image: str
    artifacts: str


@pytest.fixture
def built(
    world: World,  # noqa: F811
    sandbox: Sandbox,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Iterator[Built]:
    """A version's image in the registry of aws, and its package in the mirror there."""
    sandbox.use("aws", monkeypatch)
    monkeypatch.delenv("INTERMODAL_AWS_IMAGE")
    monkeypatch.setenv("INTERMODAL_IMAGE_CACHE", os.environ.get("INTERMODAL_IMAGE_CACHE", str(CACHE)))
    write_key(tmp_path / "signing.pem")
    monkeypatch.setenv("INTERMODAL_SIGNING_KEY", str(tmp_path / "signing.pem"))
    real = {
        "signer": PemSigner(),
        "deployment": DeploymentSettings(environment="cluster"),
        "stores": CatalogueStores(),
        "images": CatalogueImages(),
        "image_builder": LocalImageBuilder(),
    }
    more = f"  serve: [{AWS}]\n  route: {{policy: weighted, weights: {{aws: 1}}}}\n"
    with another_spec(replace(world, resources={**world.resources, **real}), more) as found:
        assert found.run("train_wine").success
        job = found.defs.resolve_job_def("deploy_wine")
        keys = [key for key in job.asset_layer.executable_asset_keys if key.path[1] in {"mirror", "image"}]
        assert found.run("deploy_wine", asset_selection=keys).success
        image = found.metadata("image")["references"]["aws"]
        yield Built(found, image, real["stores"].get(AWS.site).uri("wine/1.0.0"))


def wine(built: Built, image: str) -> dict[str, Any]:
    probe = {"httpGet": {"path": "/v2/health/ready", "port": "http"}, "periodSeconds": 5}
    server = {
        "name": "server", "image": image, "ports": [{"name": "http", "containerPort": 8080}],
        "env": [{"name": "PORT", "value": "8080"}, {"name": "MODEL_URI", "value": built.artifacts},
                {"name": "INTERMODAL_UNSIGNED", "value": "1"}],
        "envFrom": [{"secretRef": {"name": "store"}}], "readinessProbe": probe,
        "lifecycle": {"preStop": {"sleep": {"seconds": 10}}},
    }  # fmt: skip
    labels = {"app": "wine"}
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [server]}}
    spec = {"replicas": 2, "selector": {"matchLabels": labels}, "strategy": rolling, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "wine"}, "spec": spec}


def test_image_answers_survives_a_kill_and_is_rolled_out(built: Built, tmp_path: Path) -> None:
    """From the packaged server of this checkout to the built image of the same version."""
    options = Options(registry="aws", environ=dict(os.environ), pace=0.1)
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "store"}}
    secret["stringData"] = {name: os.environ[name] for name in KEYS}
    candidate = built.world.registry.candidate("wine")
    golden = golden_of(built.world.registry, candidate)
    body = v2.golden_body(candidate.record.signature, golden.rows)
    with running(Settings("image", tmp_path / "cluster", free_port(), "a-token", run=options)) as cluster:
        kubectl = Kubectl(cluster.kubeconfig, "default", tmp_path / "cache")
        for document in (secret, service("wine"), wine(built, SERVER)):
            kubectl("apply", "-f", "-", stdin=document)
        kubectl("rollout", "status", "deployment/wine", "--timeout=120s")
        url = f"{address(kubectl, 'wine')}/v2/models/wine/infer"
        with Load(url, body) as load:
            load.until_more()
            kubectl("apply", "-f", "-", stdin=wine(built, built.image))
            kubectl("rollout", "status", "deployment/wine", "--timeout=300s")
            load.until_more()
        assert load.failures == []
        assert worst(golden.predictions, v2.predictions(load.last)).holds

        pods = kubectl.json("get", "pods", "--field-selector=status.phase=Running", "-l", "app=wine")["items"]
        pod = next(each for each in pods if "deletionTimestamp" not in each["metadata"])
        server = process(pod)
        assert server.cmdline()[0] == "/usr/bin/python3.11"
        assert sorted(os.listdir(f"/proc/{server.pid}/root/opt/intermodal")) == ["app", "dependencies"]
        server.kill()
        name = pod["metadata"]["name"]
        kubectl("wait", "--for=jsonpath={.status.containerStatuses[0].restartCount}=1", f"pod/{name}", "--timeout=60s")
        kubectl("wait", "--for=condition=Ready", f"pod/{name}", "--timeout=60s")
        with Load(url, body) as load:
            load.until_more()
        assert load.failures == []


def test_adapter_deploys_the_image_and_its_predictions_are_equal(built: Built, tmp_path: Path) -> None:
    """The manifests of ``onprem/kubernetes`` run as they are; a version with a wrong image is undone."""
    options = Options(registry="aws", environ=dict(os.environ), pace=0.1)
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "store"}}
    secret["stringData"] = {name: os.environ[name] for name in KEYS}
    candidate = built.world.registry.candidate("wine")
    golden = golden_of(built.world.registry, candidate)
    body = v2.golden_body(candidate.record.signature, golden.rows)
    with running(Settings("adapter", tmp_path / "cluster", free_port(), "a-token", run=options)) as cluster:
        Kubectl(cluster.kubeconfig, "default", tmp_path / "cache")("apply", "-f", "-", stdin=secret)
        target = OnpremKubernetesTarget(
            kubeconfig=str(cluster.kubeconfig),
            namespace="default",
            gateway_cidrs=["127.0.0.0/8"],
            secret="store",
            timeout_seconds=120,
        )
        request = DeployRequest("wine", "1.0.0", "cluster", "team:tests", built.image, built.artifacts)
        endpoint = target.deploy(request)
        assert endpoint.state == "ready"
        assert worst(golden.predictions, v2.predictions(target.invoke(endpoint.name, body))).holds
        absent = f"{built.image.partition('@')[0]}@sha256:{'0' * 64}"
        with pytest.raises(DeployFailed, match="ImagePullBackOff"):
            target.deploy(replace(request, image=absent))
        assert worst(golden.predictions, v2.predictions(target.invoke(endpoint.name, body))).holds
        target.delete(endpoint.name)
        assert target.describe(endpoint.name) is None
