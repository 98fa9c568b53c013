"""The prediction log: its content, its limits, and that it loses nothing."""

import gzip
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from struct import pack
from typing import Any

import pytest

from intermodal.platform.protocol.package import Package
from intermodal.platform.protocol.prediction_log import Header, hour_of
from intermodal.platform.protocol.signature import Column, Output, Signature
from intermodal.platform.protocol.v2 import GOLDEN_ID, request_body
from intermodal.serving.dataplane import DataPlane, open_plane
from intermodal.serving.http.app import App
from intermodal.serving.prediction import Prediction
from intermodal.serving.prediction_log import log as prediction_log
from intermodal.serving.prediction_log import sampler
from intermodal.serving.prediction_log.log import Limits, PredictionLog
from intermodal.serving.service import Model, Service
from intermodal.serving.settings import Identity, Settings
from tests.log_objects import Logged, requests
from tests.serving.conftest import FLIGHTS, POINTS, Row
from tests.serving.driver import INFER, JSON_HEADERS, call

LIMITS = Limits()
ALL = 2**31
IDENTITY = Identity("1.2.3", "aws", "aws/sagemaker")


@dataclass
class Store:
    """Keeps the objects that are put. It fails ``fails`` times first, and waits for ``opened``."""

    objects: dict[str, bytes] = field(default_factory=dict)
    fails: int = 0
    opened: threading.Event = field(default_factory=threading.Event)
    begun: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.opened.set()

    def put(self, key: str, data: bytes) -> None:
        self.begun.set()
        self.opened.wait()
        if self.fails:
            self.fails -= 1
            raise OSError("503 Slow Down: https://a/b?sig=secret")
        self.objects[key] = data

    def read(self) -> list[tuple[str, Header, list[Logged]]]:
        return [(key, *requests(data, key)) for key, data in sorted(self.objects.items())]

    @property
    def logged(self) -> list[Logged]:
        return [entry for _, _, entries in self.read() for entry in entries]


@pytest.fixture
def store() -> Store:
    return Store()


def service_of(package: Package, store: Store, sample: float = 1.0, limits: Limits = LIMITS) -> Service:
    model = Model(package, Path("nowhere"))
    service = Service([model], Settings(identity=IDENTITY, predictions="file:///x", sample=sample, rows_per_second=ALL))
    service.log = PredictionLog({package: model.counts}, service.settings, store.put, limits)
    return service


def serve(plane: DataPlane, store: Store) -> tuple[App, PredictionLog]:
    service = service_of(plane.package, store)
    service.models[0].plane = plane
    assert service.log is not None
    return App(service), service.log


def count(service: Service, name: str) -> float:
    lines = service.metrics.text().decode().splitlines()
    return next(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"intermodal_predictions_{name}"))


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "the condition was not met in time"
        time.sleep(0.01)


def test_log_entry_has_inputs_and_predictions(plane: DataPlane, store: Store, row: Row) -> None:
    app, log = serve(plane, store)
    odd = {**row, "carrier": "ZZ", "wind": None, "distance": "733.5", "hour": 18.0}
    body = json.loads(request_body(FLIGHTS, [row, odd])) | {"id": "UA-1545"}
    before = time.time()
    answer = call(app, "POST", INFER, body).json["outputs"][0]["data"]
    assert log.close(5) == 0
    [(key, header, [logged])] = store.read()
    assert header == Header("flight_delay", "1.2.3", "aws", "aws/sagemaker", 1.0, FLIGHTS.inputs)
    assert key.startswith(f"predictions/flight_delay/{hour_of(logged.logged_at)}/")
    assert key.endswith("-000001.msgpack.gz")
    assert (logged.label_id, logged.rows) == ("UA-1545", 2)
    assert before <= logged.logged_at <= time.time()
    assert logged.predictions == [[value] for value in answer]
    assert logged.inputs == {
        "distance": [733.5, 733.5],
        "hour": [18, 18],
        "carrier": ["UA", "ZZ"],
        "wind": [12.0, None],
        "engine": ["jet", "jet"],
        "weekend": [False, False],
        "seats": [149, 149],
    }


def test_log_entry_id_is_the_gateways_or_generated(plane: DataPlane, store: Store, row: Row) -> None:
    app, log = serve(plane, store)
    raw = json.loads(request_body(FLIGHTS, [row]))

    def send(path: str, body: Any, *headers: tuple[bytes, bytes]) -> None:
        assert call(app, "POST", path, body, (*JSON_HEADERS, *headers)).status == 200

    send(INFER, {**raw, "id": "callers-id"}, (b"x-request-id", b"1"))
    send("/invocations", {**raw, "id": "callers-id"}, (b"x-amzn-sagemaker-custom-attributes", b"2"))
    send(INFER, {**raw, "id": ""}, (b"x-request-id", b"3"))
    send("/invocations", {"instances": [row]}, (b"x-request-id", b"4"))
    send("/score", {"dataframe_records": [row]}, (b"x-request-id", b"x" * 5000))
    send(INFER, raw)
    log.close(5)
    assert [entry.id for entry in store.logged[:4]] == ["1", "2", "3", "4"]
    own = [entry.id for entry in store.logged[4:]]
    assert len(set(own)) == 2
    assert all(len(id_) >= 32 for id_ in own)
    assert [entry.label_id for entry in store.logged] == ["callers-id"] * 2 + [""] * 4


def test_log_configured_id_header_precedes_x_request_id(plane: DataPlane, store: Store, row: Row) -> None:
    model = Model(plane.package, Path("nowhere"), plane)
    names = {"INTERMODAL_REQUEST_ID_HEADER": "X-Correlation-Id", "INTERMODAL_PREDICTIONS": "file:///x"}
    service = Service([model], Settings.of(names))
    log = service.log = PredictionLog({plane.package: model.counts}, service.settings, store.put)
    app, body = App(service), request_body(FLIGHTS, [row])
    both = [(b"x-request-id", b"1"), (b"x-correlation-id", b"2")]
    for headers in (both, [(b"x-request-id", b"3")], [(b"x-amzn-sagemaker-custom-attributes", b"4")]):
        assert call(app, "POST", INFER, body, (*JSON_HEADERS, *headers)).status == 200
    log.close(5)
    assert [entry.id for entry in store.logged] == ["2", "3", "4"]


def test_log_skips_errors_and_golden_rows(plane: DataPlane, store: Store, row: Row) -> None:
    app, log = serve(plane, store)
    body = request_body(FLIGHTS, [row])
    for rows in (1, 3, 2000):  # the fast path, the general path, a thread
        golden = request_body(FLIGHTS, [row] * rows, GOLDEN_ID)
        assert call(app, "POST", INFER, golden).status == 200
        assert call(app, "POST", "/invocations", golden).status == 200
    assert call(app, "POST", INFER, {"inputs": []}).status == 400
    assert call(app, "GET", "/ping").status == 200
    assert call(app, "POST", "/invocations", body).status == 200
    assert call(app, "POST", "/invocations", request_body(FLIGHTS, [row] * 2000)).status == 200  # in a thread
    assert log.close(5) == 0
    assert sorted(entry.rows for entry in store.logged) == [1, 2000]
    assert count(app.service, "logged_total") == 2
    assert count(app.service, "dropped_total") == count(app.service, "log_errors_total") == 0


def test_log_omits_columns_sensitive_in_package(lightgbm_package: Any, store: Store, row: Row) -> None:
    package = replace(Package.read(lightgbm_package), sensitive=("carrier", "distance"))
    app, log = serve(open_plane(package, lightgbm_package, "1.2.3"), store)
    call(app, "POST", INFER, request_body(FLIGHTS, [{**row, "distance": 1234567.25}]))
    log.close(5)
    assert set(store.logged[0].inputs) == {"hour", "wind", "engine", "weekend", "seats"}
    [data] = store.objects.values()
    for word in (b"carrier", b"distance", pack("d", 1234567.25), b"UA"):
        assert word not in gzip.decompress(data)


def test_log_omits_columns_sensitive_in_package_or_spec(lightgbm_package: Any, store: Store, row: Row) -> None:
    package = replace(Package.read(lightgbm_package), sensitive=("carrier",))
    plane, model = open_plane(package, lightgbm_package, "1.2.3"), Model(package, lightgbm_package)
    model.plane = plane
    hidden = ("distance", "engine", "unheard of")
    settings = Settings(identity=IDENTITY, predictions="file:///x", rows_per_second=ALL, sensitive=hidden)
    service = Service([model], settings)
    service.log = PredictionLog({package: model.counts}, settings, store.put)
    call(App(service), "POST", INFER, request_body(FLIGHTS, [{**row, "engine": "steam"}]))  # a new category
    service.log.close(5)
    assert set(store.logged[0].inputs) == {"hour", "wind", "weekend", "seats"}
    [data] = store.objects.values()
    assert not any(word in gzip.decompress(data) for word in (b"carrier", b"distance", b"engine", b"steam"))


def test_log_multiclass_has_list_per_row(sides: DataPlane, store: Store) -> None:
    app, log = serve(sides, store)
    body = request_body(POINTS, [{"x": 0.1, "y": 2.0}, {"x": -3.0, "y": 0.0}])
    answer = call(app, "POST", "/v2/models/sides/infer", body).json["outputs"][0]["data"]
    assert call(app, "POST", "/invocations", {"instances": []}).status == 200
    log.close(5)
    [entry] = store.logged
    assert entry.predictions == [answer[:3], answer[3:]]


def test_log_text_without_categories_is_text(sklearn_package: Any, store: Store, row: Row) -> None:
    package = Package.read(sklearn_package)
    columns = tuple(replace(c, categories=()) if c.datatype == "BYTES" else c for c in package.signature.inputs)
    package = replace(package, signature=replace(package.signature, inputs=columns), sensitive=("engine",))

    class Halves:
        inline_rows, predict_numbers = 0, None

        def predict(self, table: Any) -> list[float]:
            return [0.5] * table.rows

    app, log = serve(DataPlane(package, Halves(), "1.2.3"), store)
    assert call(app, "POST", INFER, request_body(FLIGHTS, [row, {**row, "carrier": "ключ"}])).status == 200
    assert log.close(5) == 0
    [logged] = store.logged
    assert logged.inputs["carrier"] == ["UA", "ключ"]
    assert "engine" not in logged.inputs
    assert logged.inputs["distance"] == [733.5, 733.5]


def package_of(*names: str, sensitive: tuple[str, ...] = ()) -> Package:
    signature = Signature(tuple(Column(name, "FP64") for name in names), (Output("y"),))
    return Package("m", "regression", "lightgbm", "model.txt", signature, sensitive)


def prediction_of(*numbers: float, prediction: float = 0.5) -> Prediction:
    return Prediction(b"", None, 1, pack(f"{len(numbers)}d", *numbers), [prediction])


@pytest.mark.parametrize("name", ["plain", "with space", 'a "quote"', "ключ", "back\\slash", "class", "new\nline"])
def test_log_any_column_name_and_nan_are_kept(store: Store, name: str) -> None:
    log = service_of(package_of(name, "hidden", sensitive=("hidden",)), store).log
    assert log is not None
    log.add("m", "1", prediction_of(1.5, 2.5, prediction=float("nan")))
    assert log.close(5) == 0
    [logged] = store.logged
    assert logged.inputs == {name: [1.5]}
    assert logged.predictions[0][0] != logged.predictions[0][0]


def fill(service: Service, requests: int, first: int = 0) -> list[str]:
    """Log so many requests. Returns the ids of those that were taken."""
    taken, log = [], service.log
    assert log is not None
    for number in range(first, first + requests):
        before = log._taken
        log.add("m", str(number), prediction_of(float(number)))
        if log._taken > before:
            taken.append(str(number))
    return taken


def test_log_hour_ends_completes_object(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    service = service_of(package_of("x"), store)
    for number, now in enumerate((1795471199.9, 1795471200.0, 1795471200.1)):
        monkeypatch.setattr(prediction_log, "time", lambda now=now: now)
        fill(service, 1, number)
    assert service.log is not None
    service.log.close(5)
    (first_key, _, first), (second_key, _, second) = store.read()
    assert (len(first), len(second)) == (1, 2)
    assert [hour_of(first[0].logged_at), hour_of(second[0].logged_at)] == [
        first_key.split("/")[2],
        second_key.split("/")[2],
    ]
    assert first_key.split("/")[2] < second_key.split("/")[2]


def test_log_object_completes_at_size_or_age(store: Store) -> None:
    service = service_of(package_of("x"), store, limits=Limits(object_bytes=50_000, object_seconds=3600))
    for number in range(2):
        fill(service, 1_500, 1_500 * number)
        until(lambda number=number: len(store.objects) > number)  # type: ignore[misc]
    assert service.log is not None
    service.log.close(5)
    assert len(store.logged) == 3_000
    young = Store()
    service = service_of(package_of("x"), young, limits=Limits(object_seconds=0))
    fill(service, 1)
    until(lambda: len(young.logged) == 1)


def test_log_many_models_have_smaller_objects(store: Store) -> None:
    packages = [replace(package_of("x"), model=f"m{number}") for number in range(10)]
    models = [Model(package, Path("nowhere")) for package in packages]
    settings = Settings(identity=IDENTITY, predictions="file:///x", rows_per_second=ALL)
    limits = Limits(queued_bytes=40_000, object_seconds=3600)
    log = PredictionLog({model.package: model.counts for model in models}, settings, store.put, limits)
    for number in range(4_000):
        log.add(f"m{number % 10}", str(number), prediction_of(float(number)))
        if number % 100 == 99:
            until(lambda: log._queued_bytes == 0)
        assert sum(batch.size for batch in log._open.values()) <= limits.queued_bytes / 2
    assert log.close(5) == 0
    assert len(store.logged) == 4_000
    assert len(store.objects) > 20


def test_log_invalid_text_drops_only_that_request(store: Store) -> None:
    service = service_of(package_of("x"), store)
    assert service.log is not None
    for id_ in ("a", "\ud800", "b"):
        service.log.add("m", id_, prediction_of(1.0))
    assert service.log.close(5) == 0
    assert [entry.id for entry in store.logged] == ["a", "b"]
    assert count(service, "dropped_total") == 1


def test_log_sample_is_in_header(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    dice: Iterator[float] = iter([0.0, 0.24, 0.25, 0.9])
    service = service_of(package_of("x"), store, sample=0.25)
    monkeypatch.setattr(sampler.random, "random", lambda: next(dice))
    assert fill(service, 4) == ["0", "1"]
    monkeypatch.undo()
    assert service.log is not None
    service.log.close(5)
    assert store.read()[0][1].sample == 0.25
    assert (count(service, "passed_over_total"), count(service, "dropped_total")) == (2, 0)


def test_log_share_of_traffic_is_in_header(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    dice: Iterator[float] = iter([0.0, 0.9, 0.9, 0.9])
    service = service_of(package_of("x"), store, sample=0.5)
    monkeypatch.setattr(sampler.random, "random", lambda: next(dice))
    fill(service, 4)
    monkeypatch.undo()
    assert service.log is not None
    service.log.close(5)
    assert store.read()[0][1].logged == 0.25


def test_log_store_fails_temporarily_loses_nothing(store: Store, caplog: Any) -> None:
    store.fails = 3
    service = service_of(package_of("x"), store, limits=Limits(object_bytes=50_000, object_seconds=0))
    taken = fill(service, 500)
    until(lambda: len(store.logged) == 500)
    assert sorted(entry.id for entry in store.logged) == sorted(taken)
    assert count(service, "log_errors_total") == 3
    assert count(service, "logged_total") == 500
    assert "503 Slow Down" in caplog.text
    assert "secret" not in caplog.text


def test_log_close_retries_and_returns_lost_count(store: Store) -> None:
    store.fails = 2
    service = service_of(package_of("x"), store)
    fill(service, 10)
    assert service.log is not None
    assert service.log.close(20) == 0
    assert len(store.logged) == 10

    store.fails = 1_000_000
    service = service_of(package_of("x"), store)
    fill(service, 10)
    assert service.log is not None
    assert service.log.close(0.5) == 10


def test_log_store_hangs_memory_is_bounded_and_oldest_kept(store: Store) -> None:
    limits = Limits(queued_bytes=100_000, held_bytes=5_000, object_bytes=20_000, object_seconds=0)
    service, log = (service := service_of(package_of("x"), store, limits=limits)), service.log
    assert log is not None
    store.opened.clear()
    taken = fill(service, 10)
    assert store.begun.wait(10)
    for burst in range(200):
        taken += fill(service, 200, 1000 * (burst + 1))
        waiting = log._queued_bytes + sum(batch.size for batch in log._open.values())
        assert waiting <= limits.queued_bytes + 2 * limits.object_bytes
        if count(service, "dropped_total") > 20_000:
            break
        time.sleep(0.01)
    assert log._held_bytes <= limits.held_bytes + limits.queued_bytes
    assert count(service, "dropped_total") + len(taken) == 10 + 200 * (burst + 1)
    assert len(taken) < 40_000
    store.opened.set()
    assert log.close(20) == 0
    assert sorted(entry.id for entry in store.logged) == sorted(taken)
    assert taken[:10] == [str(number) for number in range(10)]
