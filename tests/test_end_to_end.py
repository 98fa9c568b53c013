"""From a checkout to failover: one command, a model on three clouds behind one address, and an outage of a cloud.

Everything here runs real processes: the sandbox's clouds, MLflow, Envoy and Dagster, on free ports, in its own home.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import boto3
import httpx
import psutil
import pytest
from azure.identity import DefaultAzureCredential
from azure.mgmt.machinelearningservices import MachineLearningServicesMgmtClient

from intermodal.platform.protocol import v2
from intermodal.resources.prometheus import PrometheusMetrics
from intermodal.sandbox.local import monitoring
from intermodal.sandbox.settings import Ports, free_port, port_variable
from tests import clients, load
from tests.targets import CLOUDS, TARGETS

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(300)]

INTERMODAL = str(Path(sys.executable).parent / "intermodal")
EXAMPLE = Path(__file__).parents[1] / "models" / "flight_delay" / "example.csv"
ROW = '{"carrier": "UA", "origin": "EWR", "dest": "ORD", "weekday": 4, "hour": 17, "minute": 30, "distance": 719}'


@dataclass
class Installation:
    """A home with everything up, and the environment that commands run in."""

    home: Path
    environ: dict[str, str]

    def run(self, *arguments: str, timeout: float = 240) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [INTERMODAL, *arguments], env=self.environ, capture_output=True, text=True, timeout=timeout, check=False
        )

    def status(self) -> dict[str, Any]:
        return json.loads(self.run("status", "--json", "--wide").stdout)

    def variables(self) -> dict[str, str]:
        """What adapters read, as the command line sets it."""
        code = (
            "import json; from intermodal.sandbox import settings; from intermodal.sandbox.local import services;"
            "print(json.dumps(services.variables(settings.Settings.read())))"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], env=self.environ, capture_output=True, text=True, check=True
        )
        return json.loads(done.stdout)

    def port(self, name: str) -> int:
        return int(self.environ[port_variable(name)])


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    home = tmp_path_factory.mktemp("up")
    ports = {port_variable(name): str(free_port()) for name in asdict(Ports())}
    keep = {
        k: v
        for k, v in os.environ.items()
        if not k.startswith(("AWS_", "AZURE_", "GOOGLE_", "DAGSTER_", "INTERMODAL_"))
    }
    installation = Installation(home, {**keep, **ports, "INTERMODAL_HOME": str(home), "COLUMNS": "200"})
    try:
        done = installation.run("up")
        assert done.returncode == 0, done.stdout + done.stderr
        yield installation
    finally:
        installation.run("down")


@pytest.fixture(scope="module")
def body(up: Installation) -> bytes:
    route = json.loads((up.home / "gateway" / "routes" / "flight_delay.json").read_text())
    return _find(route, "golden_body").encode()


def _find(data: Any, name: str) -> Any:
    if isinstance(data, dict):
        return data[name] if name in data else next((f for v in data.values() if (f := _find(v, name))), None)
    return None


def test_clouds_serve_the_same_version(up: Installation) -> None:
    status = up.status()
    model = status["models"]["flight_delay"]
    assert model["version"] == "1.0.0"
    assert model["route"] == {"aws/sagemaker": 34, "gcp/cloud-run": 33, "azure/ml": 33}
    assert {e["target"]: (e["state"], e["healthy"], e["version"]) for e in model["endpoints"]} == {
        "aws/sagemaker": ("ready", True, "1.0.0"),
        "gcp/cloud-run": ("ready", True, "1.0.0"),
        "azure/ml": ("ready", True, "1.0.0"),
    }
    assert httpx.get(status["ui"] + "/server_info").status_code == 200


def test_ui_has_the_lineage_and_all_materializations(up: Installation) -> None:
    query = """{ assetNodes { assetKey { path } dependencyKeys { path } assetMaterializations(limit: 1) { runId } } }"""
    answer = httpx.post(up.status()["ui"] + "/graphql", json={"query": query}).json()
    nodes = {"/".join(node["assetKey"]["path"]): node for node in answer["data"]["assetNodes"]}
    watching = {"predictions", "drift", "drift_report", "health", "incidents", "timeline", "drill"}
    deployed = [name for name in nodes if name.split("/")[1] not in watching]
    assert len(nodes) - len(deployed) == len(watching)
    assert len(deployed) == 12
    assert all(nodes[name]["assetMaterializations"] for name in deployed)
    assert len(nodes["flight_delay/route"]["dependencyKeys"]) == 3


def test_predict_prints_predictions_and_the_target(up: Installation) -> None:
    done = up.run("predict", "flight_delay", "--file", str(EXAMPLE))
    assert done.returncode == 0, done.stderr
    header, *lines = done.stdout.splitlines()
    assert header.split() == ["row", "P(1)", "label"]
    assert len(lines) == 5
    assert "answered by" in done.stderr
    single = up.run("predict", "flight_delay", "--json", ROW)
    assert single.returncode == 0, single.stderr
    probability, label = single.stdout.split()[-2:]
    assert 0 < float(probability) < 1
    assert label == str(int(float(probability) > 0.5))


@pytest.mark.parametrize("client", sorted(clients.REQUIREMENTS))
def test_clients_of_others_get_predictions(up: Installation, body: bytes, client: str) -> None:
    """KServe, MLServer and Triton, through the gateway."""
    inputs = json.loads(body)["inputs"]
    gateway = f"http://127.0.0.1:{up.port('gateway')}"
    expected = httpx.post(f"{gateway}/v2/models/flight_delay/infer", json={"inputs": inputs}).json()["outputs"][0][
        "data"
    ]
    assert clients.first_output(client, gateway, "flight_delay", inputs) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("predict", "flight_dely", "--json", "{}"), "It serves: flight_delay"),
        (("predict", "flight_delay", "--json", '{"carier": "UA"}'), "carrier"),
        (("predict", "flight_delay", "--json", ROW.replace('"hour": 17', '"hour": "late"')), "hour"),
        (("predict", "flight_delay"), "--json"),
        (("sandbox", "outage", "oracle"), "aws, gcp, azure"),
        (("sandbox", "fault", "aws", "--error-rate", "7"), "0 to 1"),
    ],
)
def test_errors_are_for_people(up: Installation, arguments: tuple[str, ...], words: str) -> None:
    done = up.run(*arguments)
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_each_endpoint_answers_its_clouds_official_client(
    up: Installation, body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in up.variables().items():
        monkeypatch.setenv(name, value)
    url = {endpoint["target"]: endpoint["url"] for endpoint in up.status()["models"]["flight_delay"]["endpoints"]}
    name = "flight-delay-1-0-0-sandbox"
    client = boto3.Session(region_name="us-east-1").client("sagemaker-runtime")
    aws = client.invoke_endpoint(EndpointName=name, ContentType="application/json", Body=body)["Body"].read()

    from intermodal.resources.gcp import identity

    token = identity.id_token(url["gcp/cloud-run"]).token
    gcp = httpx.post(
        f"{url['gcp/cloud-run']}/v2/models/flight_delay/infer",
        content=body,
        headers={"authorization": f"Bearer {token}"},
    )
    assert gcp.status_code == 200, gcp.text
    azure = httpx.post(
        url["azure/ml"],
        content=body,
        headers={"authorization": f"Bearer {_azure_key(name)}", "content-type": "application/json"},
        verify=os.environ["REQUESTS_CA_BUNDLE"],
    )
    assert azure.status_code == 200, azure.text
    assert v2.predictions(aws) == v2.predictions(gcp.content) == v2.predictions(azure.content)


def _azure_key(name: str) -> str:
    client = MachineLearningServicesMgmtClient(
        DefaultAzureCredential(disable_instance_discovery=True),
        os.environ["INTERMODAL_AZURE_SUBSCRIPTION"],
        base_url=os.environ["INTERMODAL_AZURE_MANAGEMENT_ENDPOINT"],
        credential_scopes=["https://management.azure.com/.default"],
    )
    group, workspace = os.environ["INTERMODAL_AZURE_RESOURCE_GROUP"], os.environ["INTERMODAL_AZURE_WORKSPACE"]
    key: str = client.online_endpoints.list_keys(group, workspace, name).primary_key
    return key


def test_up_again_changes_nothing(up: Installation) -> None:
    before = {name: _pid(up, name) for name in _programs(up)}
    runs = _runs(up)
    done = up.run("up")
    assert done.returncode == 0, done.stdout + done.stderr
    assert {name: _pid(up, name) for name in _programs(up)} == before
    assert _runs(up) == runs


def _programs(up: Installation) -> list[str]:
    return sorted(path.stem for path in (up.home / "run").glob("*.json"))


def _pid(up: Installation, name: str) -> int:
    return int(json.loads((up.home / "run" / f"{name}.json").read_text())["pid"])


def _runs(up: Installation) -> int:
    query = "{ runsOrError { ... on Runs { results { id } } } }"
    answer = httpx.post(f"http://127.0.0.1:{up.port('ui')}/graphql", json={"query": query}).json()
    return len(answer["data"]["runsOrError"]["results"])


def test_prometheus_has_the_figures_of_each_cloud(up: Installation, body: bytes) -> None:
    """From the gateway's own counters and the servers' own: nothing between them is made up."""
    if not monitoring.program("prometheus"):
        pytest.fail("prometheus is not installed: run 'make setup', or install Debian's package of this name")
    metrics = PrometheusMetrics(url=f"http://127.0.0.1:{up.port('prometheus')}")
    url, known, found = f"http://127.0.0.1:{up.port('gateway')}/v2/models/flight_delay/infer", {}, []
    deadline = time.monotonic() + 120
    while len(known) < len(TARGETS):  # a rate needs two scrapes with something between them
        assert time.monotonic() < deadline, found
        assert not asyncio.run(load.send(url, body, rate=60, seconds=1)).failed
        found = metrics.read(60, "flight_delay")
        complete = [
            figures for figures in found if figures.requests and figures.p95_ms and figures.saturation is not None
        ]
        known = {figures.target: (figures.version, figures.instances, figures.error_rate) for figures in complete}
    assert known == dict.fromkeys(TARGETS, ("1.0.0", 1, 0))


@pytest.mark.parametrize("cloud", CLOUDS)
def test_outage_fails_no_request_and_the_cloud_gets_its_share_back(up: Installation, body: bytes, cloud: str) -> None:
    url = f"http://127.0.0.1:{up.port('gateway')}/v2/models/flight_delay/infer"
    acts = [(1.5, lambda: up.run("sandbox", "outage", cloud))]
    gone = asyncio.run(load.send(url, body, rate=150, seconds=6, acts=acts))
    assert not gone.failed, gone.failed[:5]
    assert gone.clouds(until=1)[cloud] > 0
    assert gone.clouds(since=5)[cloud] == 0
    assert up.run("sandbox", "restore", cloud).returncode == 0
    back = asyncio.run(_until_back(url, body, cloud))
    assert not back.failed, back.failed[:5]


async def _until_back(url: str, body: bytes, cloud: str) -> load.Load:
    # A gap that was long enough to be an outage ends with a recovery: two sensors' ticks, two runs, hysteresis.
    for _ in range(150):
        now = await load.send(url, body, rate=100, seconds=1)
        if now.clouds()[cloud] > 15 or now.failed:
            return now
    raise AssertionError(f"{cloud} never got its share back: {now.clouds()}")


def test_down_leaves_no_process_and_no_open_port(up: Installation) -> None:
    pids = [_pid(up, name) for name in _programs(up)]
    assert up.run("down").returncode == 0
    left = [p for p in psutil.process_iter(["status"]) if p.info["status"] != "zombie" and _group(p.pid) in pids]
    assert not left
    for name in asdict(Ports()):
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"http://127.0.0.1:{up.port(name)}/")


def _group(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return -1
