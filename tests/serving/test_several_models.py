"""Several models in one process: each is served by its name, and the process is ready when all are."""

import shutil
from pathlib import Path

import httpx
import pytest

from intermodal.platform.protocol.package import Golden
from intermodal.platform.protocol.parity import holds
from intermodal.platform.protocol.v2 import predictions, request_body
from intermodal.serving.dataplane import DataPlane
from intermodal.serving.http.app import App
from intermodal.serving.prediction_log.log import PredictionLog
from intermodal.serving.service import Model, Service
from intermodal.serving.settings import Identity, Settings
from tests.log_objects import requests
from tests.serving.conftest import FLIGHTS, POINTS, Row
from tests.serving.driver import INFER, call
from tests.serving.test_process import Start, start  # noqa: F401

SIDES = "/v2/models/sides/infer"


@pytest.fixture
def app(plane: DataPlane, sides: DataPlane) -> App:
    models = [Model(each.package, Path("nowhere"), each) for each in (plane, sides)]
    return App(
        Service(
            models,
            Settings(
                identity=Identity("1.2.3", "aws", "aws/sagemaker"),
                predict_routes=("/invocations", "/score", "/predict"),
            ),
        )
    )


def test_app_several_models_are_served_by_name_only(app: App, row: Row) -> None:
    assert call(app, "POST", INFER, request_body(FLIGHTS, [row])).json["model_name"] == "flight_delay"
    assert call(app, "POST", SIDES, request_body(POINTS, [{"x": 1.0, "y": 2.0}])).json["model_name"] == "sides"
    for path in ("/invocations", "/score", "/predict"):
        assert call(app, "POST", path, request_body(FLIGHTS, [row])).status == 404
    answer = call(app, "POST", "/v2/models/other/infer", b"{}")
    assert (answer.status, answer.json["error"]) == (
        404,
        "No model 'other' here; this server has: flight_delay, sides.",
    )


def test_app_several_models_ready_when_all_are(app: App) -> None:
    app.service.models[1].plane = None
    assert call(app, "GET", "/ping").status == 503
    assert call(app, "GET", "/v2/models/flight_delay/ready").status == 200
    assert call(app, "GET", "/v2/models/sides/ready").status == 503
    assert call(app, "POST", SIDES, request_body(POINTS, [{"x": 1.0, "y": 2.0}])).status == 503
    text = call(app, "GET", "/metrics").body.decode()
    labels = 'cloud="aws",model="{}",model_version="1.2.3",target="aws/sagemaker"'
    for model, ready in (("", 0.0), ("flight_delay", 1.0), ("sides", 0.0)):
        assert f"intermodal_ready{{{labels.format(model)}}} {ready}" in text
    labels = 'cloud="aws",code="503",model="{}",model_version="1.2.3",route="{}",target="aws/sagemaker"'
    assert f"intermodal_requests_total{{{labels.format('', '/ping')}}} 1.0" in text
    assert f"intermodal_requests_total{{{labels.format('sides', '/v2/models/*/infer')}}} 1.0" in text


def test_log_several_models_have_own_objects(app: App, row: Row) -> None:
    objects: dict[str, bytes] = {}
    counts = {model.package: model.counts for model in app.service.models}
    log = app.service.log = PredictionLog(counts, app.service.settings, objects.__setitem__)
    for _ in range(3):
        call(app, "POST", INFER, request_body(FLIGHTS, [row]))
        call(app, "POST", SIDES, request_body(POINTS, [{"x": 1.0, "y": 2.0}]))
    assert log.close(5) == 0
    found = {header.model: logged for header, logged in map(requests, objects.values())}
    assert {name: len(logged) for name, logged in found.items()} == {"flight_delay": 3, "sides": 3}
    assert found["sides"][0].inputs == {"x": [1.0], "y": [2.0]}
    assert {key.split("/")[1] for key in objects} == {"flight_delay", "sides"}
    assert [model.counts.logged for model in app.service.models] == [3, 3]


def test_process_folder_of_packages_is_served(
    start: Start,  # noqa: F811
    lightgbm_package: Path,
    multiclass_package: Path,
    tmp_path: Path,
) -> None:
    for package in (lightgbm_package, multiclass_package):
        shutil.copytree(package, tmp_path / "several" / package.name)
    server = start(tmp_path / "several")
    server.until("/ping")
    assert "flight_delay, sides 0.0.0 listens" in server.log
    for package, signature, path in ((lightgbm_package, FLIGHTS, INFER), (multiclass_package, POINTS, SIDES)):
        golden = Golden.read(package)
        answer = httpx.post(server.url + path, content=request_body(signature, golden.rows))
        assert holds(golden.predictions, predictions(answer.content))
    assert server.stop() == 0


def test_process_two_versions_of_model_exits_1(
    start: Start,  # noqa: F811
    lightgbm_package: Path,
    tmp_path: Path,
) -> None:
    for number in "12":
        shutil.copytree(lightgbm_package, tmp_path / "several" / number)
    server = start(tmp_path / "several")
    assert server.process.wait(20) == 1
    assert "both hold flight_delay" in server.log
    assert "Point at one of them" in server.log
    assert "Traceback" not in server.log
