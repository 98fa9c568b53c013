"""The ASGI application: routes, status codes and headers."""

import asyncio
import json
import threading
from typing import Any

import pytest

from intermodal.platform.protocol.v2 import request_body
from intermodal.serving.dataplane import DataPlane
from intermodal.serving.http.app import App
from intermodal.serving.settings import Settings
from tests.serving.conftest import FLIGHTS, Row
from tests.serving.driver import INFER, app_of, call, request, service_of


@pytest.fixture
def app(plane: DataPlane) -> App:
    return app_of(plane)


def test_app_v2_metadata_and_health_respond(app: App) -> None:
    assert call(app, "GET", "/v2").json["name"] == "intermodal"
    assert call(app, "GET", "/v2/health/live").json == {"live": True}
    assert call(app, "GET", "/v2/health/ready").json == {"ready": True}
    for base in ("/v2/models/flight_delay", "/v2/models/flight_delay/versions/1.2.3"):
        assert call(app, "GET", base).json == FLIGHTS.metadata("flight_delay", "1.2.3")
        assert call(app, "GET", f"{base}/ready").json == {"name": "flight_delay", "ready": True}


def test_app_every_predict_route_takes_v2_body(app: App, row: Row) -> None:
    body = request_body(FLIGHTS, [row, row])
    answers = [
        call(app, "POST", path, body, headers)
        for path in (INFER, "/v2/models/flight_delay/versions/1.2.3/infer", "/invocations", "/score")
        for headers in ([], [(b"content-type", b"application/octet-stream")], [(b"content-type", b"application/json")])
    ]
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    assert answers[0].headers["x-intermodal-version"] == "1.2.3"
    assert answers[0].headers["x-intermodal-cloud"] == "aws"


def test_app_configured_routes_are_served(plane: DataPlane, row: Row) -> None:
    predict = "/v1/endpoints/7/deployedModels/8:predict"
    app = app_of(
        plane,
        health_routes=("/ping", "/v1/endpoints/7/deployedModels/8"),
        predict_routes=("/invocations", "/score", predict),
    )
    assert call(app, "GET", "/v1/endpoints/7/deployedModels/8").status == 200
    assert len(call(app, "POST", predict, {"instances": [row], "parameters": {}}).json["predictions"]) == 1


def test_app_configured_route_equal_to_fixed_serves_both(plane: DataPlane, row: Row) -> None:
    app = app_of(
        plane, health_routes=("/ping", "/invocations"), predict_routes=("/invocations", "/score", "/invocations")
    )
    assert call(app, "GET", "/invocations").json == {"ready": True}
    assert call(app, "POST", "/invocations", {"instances": [row]}).status == 200


def test_app_csv_on_v2_route_gives_415(app: App) -> None:
    csv = b"distance,hour,carrier,weekend\n733.5,18,UA,false\n"
    for kind in (b"text/csv", b"Text/CSV; charset=UTF-8"):
        assert len(call(app, "POST", "/invocations", csv, [(b"content-type", kind)]).json["predictions"]) == 1
    assert call(app, "POST", INFER, csv, [(b"content-type", b"text/csv")]).status == 415


@pytest.mark.parametrize(
    "header",
    [
        (b"content-type", b"text/plain"),
        (b"content-type", b"application/x-www-form-urlencoded"),
        (b"content-type", b"text/csv; charset=latin-1"),
        (b"content-type", b"\xff"),
        (b"content-encoding", b"gzip"),
    ],
)
def test_app_unsupported_header_gives_415(app: App, header: tuple[bytes, bytes]) -> None:
    answer = call(app, "POST", "/invocations", b"{}", [header])
    assert answer.status == 415
    assert list(answer.json) == ["error"]


def test_app_model_loading_gives_503_except_liveness(plane: DataPlane, row: Row) -> None:
    app = app_of(plane, loaded=False)
    assert call(app, "GET", "/").status == call(app, "GET", "/v2/health/live").status == 200
    for path in ("/ping", "/v2/health/ready", "/v2/models/flight_delay/ready"):
        assert call(app, "GET", path).status == 503
    refused = call(app, "POST", INFER, request_body(FLIGHTS, [row]))
    assert (refused.status, refused.headers["retry-after"]) == (503, "1")
    assert refused.json == {"error": "The model is still loading."}


def test_app_draining_is_not_ready_but_predicts(app: App, row: Row) -> None:
    app.service.draining = True
    assert call(app, "GET", "/ping").status == 503
    assert call(app, "POST", INFER, request_body(FLIGHTS, [row])).status == 200


def test_app_unknown_route_error_names_known_ones(app: App) -> None:
    unknown = call(app, "POST", "/v2/models/other/infer")
    assert (unknown.status, unknown.json["error"]) == (404, "No model 'other' here; this server has: flight_delay.")
    assert "version 1.2.3" in call(app, "POST", "/v2/models/flight_delay/versions/9.9.9/infer").json["error"]
    assert "/invocations" in call(app, "GET", "/nothing").json["error"]
    wrong = call(app, "GET", INFER)
    assert (wrong.status, wrong.headers["allow"]) == (405, "POST")
    assert call(app, "DELETE", "/ping").status == 405
    assert call(app, "HEAD", "/ping").body == b""


def test_app_body_over_limit_gives_413(plane: DataPlane) -> None:
    app = app_of(plane, max_body_bytes=10)
    for headers in ([(b"content-length", b"11")], [(b"content-length", b"9" * 5000)]):
        assert call(app, "POST", INFER, b"", headers).status == 413
    for wrong_length in ([], [(b"content-length", b"3")], [(b"content-length", b"x")]):
        refused = call(app, "POST", INFER, b" " * 11, wrong_length)
        assert (refused.status, refused.json["error"]) == (413, "The body is over 10 bytes; send fewer rows at a time.")
    got = asyncio.run(request(app, "POST", INFER, [b" " * 4] * 3))
    assert got is not None
    assert got.status == 413


def test_app_body_in_chunks_is_accepted(app: App, row: Row) -> None:
    raw = request_body(FLIGHTS, [row])
    got = asyncio.run(request(app, "POST", INFER, [raw[:10], b"", raw[10:]]))
    assert got is not None
    assert got.status == 200


@pytest.mark.parametrize("chunks", [[b""], [b"{", b"}"]])
def test_app_client_leaves_counts_499(app: App, chunks: list[bytes]) -> None:
    assert asyncio.run(request(app, "POST", INFER, chunks, leaves=True)) is None
    assert app.service.counts.in_flight == 0
    assert 'code="499"' in call(app, "GET", "/metrics").body.decode()


def test_metrics_count_requests_rows_and_unseen(app: App, row: Row) -> None:
    call(app, "POST", "/invocations", {"instances": [row, {**row, "engine": "steam"}]})
    call(app, "POST", "/invocations", b"junk")
    call(app, "GET", "/\ud800" + "x" * 1000)
    text = call(app, "GET", "/metrics").body.decode()
    labels_format = 'cloud="aws",{}model="flight_delay",model_version="1.2.3",{}target="aws/sagemaker"'
    labels = {
        "intermodal_rows_total": (labels_format.format("", ""), 2),
        "intermodal_unseen_categories_total": (labels_format.format('column="engine",', ""), 1),
        "intermodal_requests_in_flight": (labels_format.format("", ""), 1),
        "intermodal_ready": (labels_format.format("", ""), 1),
    }
    for name, (label, value) in labels.items():
        assert f"{name}{{{label}}} {float(value)}" in text
    for code, route in ((200, "/invocations"), (400, "/invocations"), (404, "other")):
        label = f'cloud="aws",code="{code}",model="flight_delay",model_version="1.2.3",route="{route}"'
        assert f'intermodal_requests_total{{{label},target="aws/sagemaker"}} 1.0' in text
    assert 'intermodal_request_seconds_bucket{cloud="aws",le="0.5"' in text


def test_app_long_prediction_does_not_block_health(plane: DataPlane, row: Row) -> None:
    """The prediction waits until a health check is answered, so it would hang if it ran in the event loop."""
    health_checked = threading.Event()

    class Slow:
        inline_rows, predict_numbers = 0, None

        def predict(self, table: Any) -> Any:
            assert health_checked.wait(10)
            return plane._runtime.predict(table)

    app = App(service_of(DataPlane(plane.package, Slow(), "1"), Settings()))

    async def both() -> tuple[int, int]:
        slow = asyncio.create_task(request(app, "POST", INFER, [request_body(FLIGHTS, [row])]))
        await asyncio.sleep(0)
        ping = await request(app, "GET", "/ping")
        assert not slow.done()
        health_checked.set()
        got = await slow
        assert got is not None
        assert ping is not None
        return ping.status, got.status

    assert asyncio.run(both()) == (200, 200)


def test_app_large_body_gives_same_predictions(app: App, row: Row) -> None:
    batch = call(app, "POST", INFER, request_body(FLIGHTS, [row] * 2000)).json["outputs"][0]
    single = call(app, "POST", INFER, request_body(FLIGHTS, [row])).json["outputs"][0]
    assert batch["data"] == single["data"] * 2000


def test_unexpected_error_gives_500_and_log(plane: DataPlane, row: Row, caplog: Any) -> None:
    class Broken:
        inline_rows, predict_numbers = 64, None

        def predict(self, _: Any) -> Any:
            raise MemoryError

    app = App(service_of(DataPlane(plane.package, Broken(), "1"), Settings()))
    answer = call(app, "POST", INFER, request_body(FLIGHTS, [row]))
    assert (answer.status, json.loads(answer.body)) == (500, {"error": "The server failed; its log says why."})
    assert "MemoryError" in caplog.text
