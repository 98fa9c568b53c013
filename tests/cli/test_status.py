"""What ``status`` prints, and which programs it reports as silent."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

import pytest
from rich.console import Console

from intermodal.cli import dagster_status
from intermodal.cli.dagster_status import watched
from intermodal.cli.diagnostics import troubles
from intermodal.platform.errors import Unavailable
from intermodal.platform.monitoring.status import CanaryStatus, EndpointStatus, ModelStatus, Status
from intermodal.platform.ports.endpoints import Upstream
from intermodal.platform.ports.gateway import Canary, Route
from intermodal.platform.targets import Target
from intermodal.resources.dagster_client import Location
from intermodal.sandbox.settings import free_port
from tests.cli.run import run
from tests.memory import MemoryGateway, MemoryStore, MemoryTarget
from tests.sensors.support import spec
from tests.targets import AWS, AWS_EU, AZURE, GCP

module = import_module("intermodal.cli.status")
COLD = "cold: nothing runs until a failover"


def test_status_of_nothing_names_what_to_try(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    result = run(monkeypatch, "status", INTERMODAL_HOME=str(tmp_path))
    assert result.exit_code == 0
    assert "intermodal up" in result.output


@pytest.mark.usefixtures("incidents")
@pytest.mark.parametrize("command", [("status",), ("incident", "list")])
def test_status_lists_the_open_incidents(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: tuple[str, ...]
) -> None:
    lines = run(monkeypatch, *command, INTERMODAL_HOME=str(tmp_path), COLUMNS="40").output.splitlines()
    line_number = lines.index("  m-aws.sagemaker-1700000000  since 2023-11-14 22:13:20 UTC")
    assert lines[line_number + 1] == "    no traffic to [aws]"
    assert not any("gcp.cloud-run-1600000000" in line for line in lines)


@pytest.mark.usefixtures("incidents")
def test_status_as_json_has_the_open_incidents(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (found,) = json.loads(run(monkeypatch, "status", "--json", INTERMODAL_HOME=str(tmp_path)).output)["incidents"]
    assert (found["id"], found["entries"][-1]["step"]) == ("m-aws.sagemaker-1700000000", "drained")


def test_status_with_unreadable_incidents_shows_the_rest(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def unreadable(*_: object, **__: object) -> None:
        raise Unavailable("The bucket does not answer.", hint="Try again.")

    monkeypatch.setattr("intermodal.resources.storage.incidents.JsonIncidents.all", unreadable)
    result = run(monkeypatch, "status", INTERMODAL_HOME=str(tmp_path))
    assert result.exit_code == 0
    assert "The incidents cannot be read: The bucket does not answer. Try again." in result.output
    assert "No incident is open" not in result.output
    assert json.loads(run(monkeypatch, "status", "--json", INTERMODAL_HOME=str(tmp_path)).output)["incidents"] is None


def test_status_without_the_address_of_mlflow_leaves_it_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from intermodal.sandbox.local.services import variables
    from intermodal.sandbox.settings import Settings

    known = variables(Settings.read({"INTERMODAL_HOME": str(tmp_path)}))
    known = {k: v for k, v in known.items() if k not in ("INTERMODAL_MLFLOW_URL", "INTERMODAL_UI_URL")}
    result = run(monkeypatch, "status", **{**known, "INTERMODAL_ENV": "staging"})
    assert result.exit_code == 0, result.output
    assert "MLflow" not in result.output


def test_status_without_a_setting_names_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INTERMODAL_GATEWAY_DIRECTORY", raising=False)
    result = run(monkeypatch, "status", INTERMODAL_ENV="production")
    assert (result.exit_code, "Not set in the environment: INTERMODAL_GATEWAY_DIRECTORY" in result.output) == (1, True)


class Gateway(MemoryGateway):
    """Routes ``m`` on AWS in two regions and on Google Cloud, whose endpoint fails; Azure stands by."""

    def __init__(self) -> None:
        targets = (AWS, AWS_EU, GCP, AZURE)
        super().__init__([MemoryTarget(target, MemoryStore(target.site)) for target in targets])
        upstreams = [Upstream(target, "1.0.0", f"http://{target.dotted}/infer") for target in targets]
        self.publish(Route("m", "1.0.0", {AWS: 40, AWS_EU: 40, GCP: 20, AZURE: 0}, {}, "{}"), upstreams)
        self.targets[GCP].gone = True


def test_routed_states_are_the_gateways() -> None:
    (model,) = module.routed(Gateway()).values()
    states = {endpoint.target: (endpoint.state, endpoint.healthy) for endpoint in model.endpoints}
    assert states == {
        "aws/sagemaker": ("ready", True),
        "aws/sagemaker@eu-west-1": ("ready", True),
        "gcp/cloud-run": ("unavailable", False),
        "azure/ml": ("ready", True),
    }
    assert model.route["aws/sagemaker@eu-west-1"] == 40
    assert model.endpoints[0].url == "http://aws.sagemaker/infer"
    assert model.canary is None


def test_routed_has_the_share_of_a_canary() -> None:
    gateway = Gateway()
    gateway.split("m", Canary(Route("m", "1.1.0", {AWS: 1}, {}, "{}"), 5), [Upstream(AWS, "1.1.0", "http://new")])
    (model,) = module.routed(gateway).values()
    assert model.canary == CanaryStatus("1.1.0", 5)
    assert json.loads(json.dumps(Status("", "", "", {"m": model}).to_dict()))["models"]["m"]["canary"]["share"] == 5


def test_routed_with_a_silent_gateway_knows_no_state(monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(_: Gateway) -> Mapping[str, Mapping[Target, bool]]:
        raise Unavailable("nobody answers")

    monkeypatch.setattr(Gateway, "health", silent)
    (model,) = module.routed(Gateway()).values()
    assert {(endpoint.state, endpoint.healthy) for endpoint in model.endpoints} == {("unknown", False)}


@pytest.mark.parametrize("wide", [True, False])
def test_show_in_80_columns_folds_nothing(monkeypatch: pytest.MonkeyPatch, wide: bool) -> None:
    url = "https://runtime.sagemaker.eu-west-1.amazonaws.com/endpoints/flight-delay-1-0-0-production/invocations"
    endpoints = [
        EndpointStatus("aws/sagemaker@ap-southeast-1", url, "10.10.10", "ready", True, 12.34),
        EndpointStatus("azure/ml", "", "10.10.10", "unreachable", False, None, "It refuses <html>"),
    ]
    weights = {"aws/sagemaker@ap-southeast-1": 5000, "azure/ml": 5000}
    model = ModelStatus("10.10.10", weights, endpoints, canary=CanaryStatus("10.10.11", 50))
    console = Console(width=80, record=True)
    monkeypatch.setattr(module, "out", console)
    module.show(Status("", "", "", {"flight_delay": model}), wide)
    lines = console.export_text().splitlines()
    (row,) = [line for line in lines if "ap-southeast-1" in line and "│" in line]
    assert all(text in row for text in ("aws/sagemaker@ap-southeast-1", "10.10.10", "ready", "5000"))
    assert (f"  aws/sagemaker@ap-southeast-1  {url}" in lines) == wide
    assert "  azure/ml: It refuses" in lines


def test_troubles_name_what_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    text = " ".join(troubles(url, url, url))
    assert all(words in text for words in ("no model can be called", "nothing is watched", "nothing can be trained"))
    monkeypatch.setattr("intermodal.cli.diagnostics._answers", lambda _: True)
    monkeypatch.setattr("intermodal.resources.dagster_client.locations", lambda _: [])
    assert "has not loaded the definitions" in " ".join(troubles(url, url, url))
    loaded = [Location("red", False, "", ("deploy_m",), ("__repository__",))]
    monkeypatch.setattr("intermodal.resources.dagster_client.locations", lambda _: loaded)
    monkeypatch.setattr("intermodal.resources.dagster_client.group_metadata", lambda *_: {})
    for heartbeat, words in {time.time() - 200: "for 3 min", None: "since it was installed"}.items():
        monkeypatch.setattr("intermodal.resources.dagster_client.heard_of", lambda _, heard_at=heartbeat: heard_at)
        (sentence,) = troubles(url, url, url)
        assert words in sentence
    monkeypatch.setattr("intermodal.resources.dagster_client.heard_of", lambda _: time.time() - 40)
    assert troubles(url, url, url) == []
    assert troubles("", "", "") == []


def test_troubles_name_models_and_locations_that_do_not_load(monkeypatch: pytest.MonkeyPatch) -> None:
    client = "intermodal.resources.dagster_client"
    monkeypatch.setattr("intermodal.cli.diagnostics._answers", lambda _: True)
    monkeypatch.setattr(f"{client}.heard_of", lambda _: time.time())
    found = [Location("red", False, "", ("deploy_m",), ("__repository__",)), Location("blue", False, "no module", ())]
    monkeypatch.setattr(f"{client}.locations", lambda _: found)
    monkeypatch.setattr(f"{client}.group_metadata", lambda *_: {"gone": "models/gone/defs.yaml:3: owner: required"})
    assert troubles("", "http://ui", "") == [
        "The code location blue does not load. See http://ui/locations.",
        "gone does not load. models/gone/defs.yaml:3: owner: required",
    ]


def test_watched_adds_what_only_dagster_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    client = "intermodal.resources.dagster_client"
    route = {"aws/sagemaker": 50, "gcp/cloud-run": 50}
    serve = [*route, "azure/ml", "aws/sagemaker@eu-west-1"]
    standby = spec("m", serve=serve, failover={"cold": ["azure", "aws@eu-west-1"]}).model_dump_json()
    monkeypatch.setattr(f"{client}.metadata", lambda *_: {"version": "1.0.0"})
    monkeypatch.setattr(f"{client}.check_passed", lambda _, key, *__: False if key[1] == "drift" else None)
    monkeypatch.setattr(f"{client}.definition_metadata", lambda *_: {dagster_status.SPEC: standby})
    models = {"m": ModelStatus("1.0.0", route, ()), "replaced": ModelStatus("1.1.0", route, ())}
    monkeypatch.setattr(
        f"{client}.failed", lambda _, model, jobs, __: "run-1" if f"retrain_{model}" == jobs[-1] else ""
    )
    found, sentences = watched("http://someone:secret@ui", {"m": models["m"]})
    assert sentences == [
        "The last deployment of m failed, and what served goes on. See http://ui/runs/run-1",
        "The data of m 1.0.0 has drifted. See http://ui/assets/m/drift",
    ]
    monkeypatch.setattr(f"{client}.failed", lambda *_: "")
    found, sentences = watched("http://someone:secret@ui", models)
    assert sentences == ["The data of m 1.0.0 has drifted. See http://ui/assets/m/drift"]
    assert [(cold.target, cold.version, cold.state) for cold in found["m"].endpoints] == [
        ("azure/ml", "1.0.0", "cold"),
        ("aws/sagemaker@eu-west-1", "1.0.0", "cold"),
    ]


@pytest.mark.parametrize("outcome", [True, None])
def test_watched_without_a_failed_check_has_no_drift(monkeypatch: pytest.MonkeyPatch, outcome: bool | None) -> None:
    client = "intermodal.resources.dagster_client"
    monkeypatch.setattr(f"{client}.metadata", lambda *_: {"version": "1.0.0"})
    monkeypatch.setattr(f"{client}.check_passed", lambda *_: outcome)
    monkeypatch.setattr(f"{client}.definition_metadata", lambda *_: {})
    monkeypatch.setattr(f"{client}.failed", lambda *_: "")
    found, sentences = watched("http://ui", {"m": ModelStatus("1.0.0", {"aws/sagemaker": 100}, ())})
    assert (sentences, list(found["m"].endpoints)) == ([], [])


def test_constants_of_the_assets_are_the_commands() -> None:
    from intermodal.assets import broken
    from intermodal.assets.deployment import endpoint
    from intermodal.assets.resilience import drill
    from intermodal.assets.runs import DEPLOYING_JOBS
    from intermodal.assets.specs import SPEC
    from intermodal.cli import diagnostics
    from intermodal.platform.monitoring import status

    assert (diagnostics.BROKEN, diagnostics.BROKEN_GROUP) == (broken.BROKEN, broken.GROUP)
    assert import_module("intermodal.cli.drill").OBJECTIVES == drill.OBJECTIVES
    assert dagster_status.SPEC == SPEC
    assert dagster_status.DEPLOYING_JOBS == DEPLOYING_JOBS
    assert (endpoint.COLD_STATE, endpoint.COLD_STATE.startswith(status.COLD)) == (COLD, True)


def test_status_imports_neither_assets_nor_sdks(tmp_path: Path) -> None:
    code = (
        "import sys; from intermodal.cli import main; main(['status'], standalone_mode=False);"
        "heavy = {'mlflow', 'sklearn', 'boto3', 'google.cloud', 'azure.mgmt', 'intermodal.assets', 'pandas'};"
        "sys.exit(', '.join(heavy & set(sys.modules)))"
    )
    environ = {**os.environ, "INTERMODAL_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environ)
    assert done.stderr.strip() == ""


def test_troubles_of_an_unverified_server_send_it_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    called = list[str]()

    def get(url: str, **_: object) -> None:
        called.append(url)

    monkeypatch.setattr("httpx.get", get)
    assert troubles("", "", "https://me:secret@mlflow") == []
    assert called == ["https://mlflow"]
