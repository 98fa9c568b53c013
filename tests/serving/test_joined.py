"""Requests that wait are answered by one call, and each keeps its own answer, error and count."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from intermodal.platform.protocol.v2 import request_body
from intermodal.serving import joined
from intermodal.serving.dataplane import DataPlane
from intermodal.serving.errors import RequestError
from intermodal.serving.http.app import App
from intermodal.serving.joined import Calls
from intermodal.serving.metrics import Counts
from intermodal.serving.prediction import Prediction
from intermodal.serving.prediction_log.log import PredictionLog
from intermodal.serving.protocol.joining import MAX_JOINED_ROWS
from intermodal.serving.protocol.table import Table
from tests.serving.conftest import FLIGHTS, Row
from tests.serving.driver import INFER, app_of, call, request


class Gated:
    """A runtime that gives each row's distance. It waits in its first call until ``go`` is set, and refuses what
    ``refuse`` says."""

    inline_rows, predict_numbers = 0, None

    def __init__(self, refuse: Callable[[Table], bool] = lambda _: False) -> None:
        self.sizes: list[int] = []
        self.began, self.go, self.refuse = threading.Event(), threading.Event(), refuse

    def predict(self, table: Table) -> list[float]:
        self.sizes.append(table.rows)
        self.began.set()
        assert self.go.wait(10)
        if self.refuse(table):
            raise ValueError(f"bad distances {table.columns[0]}")
        return [float(value) for value in table.columns[0]]


def plane_of(plane: DataPlane, runtime: Any) -> DataPlane:
    other = DataPlane(plane.package, runtime, "1")
    other._block = 1
    return other


def body(row: Row, *distances: float) -> bytes:
    return request_body(FLIGHTS, [{**row, "distance": distance} for distance in distances])


async def gather(calls: Calls, plane: DataPlane, runtime: Gated, bodies: list[bytes]) -> list[Any]:
    """The outcomes. All but the first request wait while the first one's call runs."""
    tasks = [asyncio.create_task(calls.answer(plane, plane.read_v2(each, "json"))) for each in bodies]
    await asyncio.sleep(0)
    assert await asyncio.to_thread(runtime.began.wait, 10)
    runtime.go.set()
    return await asyncio.gather(*tasks, return_exceptions=True)


def outcomes(plane: DataPlane, runtime: Gated, bodies: list[bytes], counts: Counts) -> list[Any]:
    with ThreadPoolExecutor(2) as pool:
        found = asyncio.run(gather(Calls(pool, counts), plane_of(plane, runtime), runtime, bodies))
    return [each.values if isinstance(each, Prediction) else each for each in found]


def test_calls_waiting_requests_share_one_call(plane: DataPlane, row: Row) -> None:
    runtime, counts = Gated(), Counts("m")
    bodies = [body(row, 1.0), body(row, 2.0), body(row, 3.0, 4.0), body(row, 5.0)]
    assert outcomes(plane, runtime, bodies, counts) == [[1], [2], [3, 4], [5]]
    assert runtime.sizes == [1, 4]
    assert (counts.calls, counts.joined_rows) == (2, 4)


def test_calls_joined_rows_are_bounded_in_order(plane: DataPlane, row: Row) -> None:
    runtime, counts = Gated(), Counts("m")
    sizes = [1, 200, 56, 1, 100, 156, 7]
    bodies = [body(row, *[float(i)] * size) for i, size in enumerate(sizes)]
    assert outcomes(plane, runtime, bodies, counts) == [[float(i)] * size for i, size in enumerate(sizes)]
    assert runtime.sizes == [1, 256, 101, 163]


def test_calls_large_request_does_not_wait(plane: DataPlane, row: Row) -> None:
    runtime, counts = Gated(), Counts("m")
    large = [9.0] * (MAX_JOINED_ROWS + 1)
    assert outcomes(plane, runtime, [body(row, 1.0), body(row, *large)], counts) == [[1], large]
    assert sorted(runtime.sizes) == [1, len(large)]
    assert (counts.calls, counts.joined_rows) == (2, 0)


def test_calls_bad_rows_fail_their_own_request_only(plane: DataPlane, row: Row, caplog: Any) -> None:
    runtime, counts = Gated(lambda table: 666.25 in table.columns[0]), Counts("m")
    bodies = [body(row, 1.0), body(row, 22222.5), body(row, 666.25), body(row, 33333.5)]
    first, second, third, fourth = outcomes(plane, runtime, bodies, counts)
    assert [first, second, fourth] == [[1], [22222.5], [33333.5]]
    assert isinstance(third, RequestError)
    assert third.status == 422
    assert third.message.endswith("bad distances [666.25]")
    assert third.__context__ is third.__cause__
    assert third.__cause__.__context__ is None
    assert "2222" not in caplog.text
    assert runtime.sizes == [1, 3, 1, 1, 1]
    assert (counts.calls, counts.joined_rows) == (4, 0)


@pytest.mark.parametrize("error", [MemoryError, SystemExit])
def test_calls_unexpected_error_fails_own_request(plane: DataPlane, row: Row, error: Any) -> None:
    class Broken(Gated):
        def predict(self, table: Table) -> list[float]:
            values = super().predict(table)
            if 666.0 in values:
                raise error
            return values

    first, second, third = outcomes(plane, Broken(), [body(row, d) for d in (1.0, 666.0, 3.0)], Counts("m"))
    assert (first, third) == ([1], [3])
    assert isinstance(second, Exception)


def test_calls_too_few_outputs_are_not_split(plane: DataPlane, row: Row) -> None:
    class Drops(Gated):
        def predict(self, table: Table) -> list[float]:
            return super().predict(table)[: 1 if table.rows > 1 else None]

    runtime = Drops()
    assert outcomes(plane, runtime, [body(row, d) for d in (1.0, 2.0, 3.0)], Counts("m")) == [[1], [2], [3]]
    assert runtime.sizes == [1, 2, 1, 1]


def test_calls_cancelled_request_is_left_out(plane: DataPlane, row: Row) -> None:
    runtime = Gated()
    gated = plane_of(plane, runtime)

    async def run(pool: ThreadPoolExecutor) -> list[Any]:
        calls = Calls(pool, Counts("m"))
        tasks = [
            asyncio.create_task(calls.answer(gated, gated.read_v2(body(row, d), "json"))) for d in (1.0, 2.0, 3.0, 4.0)
        ]
        await asyncio.sleep(0)
        tasks[0].cancel()  # while its call runs
        tasks[2].cancel()  # while it waits
        await asyncio.sleep(0)
        runtime.go.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    with ThreadPoolExecutor(1) as pool:
        first, second, third, fourth = asyncio.run(run(pool))
    assert isinstance(first, asyncio.CancelledError)
    assert isinstance(third, asyncio.CancelledError)
    assert (second.values, fourth.values) == ([2], [4])
    assert runtime.sizes == [1, 2]


def test_calls_hanging_call_does_not_stop_others(plane: DataPlane, row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second request is answered while the first one's call still runs."""
    monkeypatch.setattr(joined, "PATIENCE_SECONDS", 0.01)
    release = threading.Event()

    class Hangs(Gated):
        def predict(self, table: Table) -> list[float]:
            assert table.columns[0] != [1.0] or release.wait(10)
            return [float(value) for value in table.columns[0]]

    gated = plane_of(plane, Hangs())

    async def run(pool: ThreadPoolExecutor) -> list[Any]:
        calls = Calls(pool, Counts("m"))
        first, second = (
            asyncio.create_task(calls.answer(gated, gated.read_v2(body(row, d), "json"))) for d in (1.0, 2.0)
        )
        answered = [(await second).values, first.done()]
        release.set()
        return [*answered, (await first).values]

    with ThreadPoolExecutor(2) as pool:
        assert asyncio.run(run(pool)) == [[2], False, [1]]


def test_app_joined_requests_are_counted_and_logged(plane: DataPlane, row: Row) -> None:
    runtime = Gated(lambda table: 666.0 in table.columns[0])
    app = app_of(plane_of(plane, runtime))
    objects: dict[str, bytes] = {}
    [model] = app.service.models
    log = app.service.log = PredictionLog({model.package: model.counts}, app.service.settings, objects.__setitem__)

    async def run() -> list[Any]:
        bodies = [body(row, d) for d in (1.0, 2.0, 666.0, 4.0)]
        tasks = [asyncio.create_task(request(app, "POST", INFER, [each])) for each in bodies]
        await asyncio.sleep(0)
        runtime.go.set()
        return await asyncio.gather(*tasks)

    answers = asyncio.run(run())
    assert [answer.status for answer in answers] == [200, 200, 422, 200]
    assert [a.json["outputs"][0]["data"] for a in answers if a.status == 200] == [[1], [2], [4]]
    assert log.close(5) == 0
    assert (model.counts.logged, model.counts.rows, model.counts.in_flight) == (3, 3, 0)
    text = call(app, "GET", "/metrics").body.decode()
    labels = 'cloud="aws",{}model="flight_delay",model_version="1.2.3",{}target="aws/sagemaker"'
    assert f"intermodal_calls_total{{{labels.format('', '')}}} 4.0" in text
    assert f"intermodal_joined_rows_total{{{labels.format('', '')}}} 0.0" in text
    for code, count in ((200, 3.0), (422, 1.0)):
        label = labels.format(f'code="{code}",', 'route="/v2/models/*/infer",')
        assert f"intermodal_requests_total{{{label}}} {count}" in text


def test_app_sklearn_joined_bytes_equal_single(sklearn_plane: DataPlane, row: Row) -> None:
    assert sklearn_plane.joins
    app = App(app_of(sklearn_plane).service)
    bodies = [body(row, *(100.0 * i + j for j in range(1 + i % 3))) for i in range(1, 40)]
    single = [call(app, "POST", INFER, each).body for each in bodies]
    before = app.service.counts.calls

    async def run() -> list[Any]:
        return await asyncio.gather(*(request(app, "POST", INFER, [each]) for each in bodies))

    assert [answer.body for answer in asyncio.run(run())] == single
    assert app.service.counts.calls - before == 2
