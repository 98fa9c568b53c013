"""No input gives a 500: arbitrary paths, headers, bytes and JSON, and nearly valid bodies."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from intermodal.platform.protocol.v2 import request_body
from intermodal.serving.dataplane import DataPlane
from intermodal.serving.http.app import App
from tests.serving.conftest import FLIGHTS
from tests.serving.driver import INFER, app_of, request

VALID_ROW = {
    "distance": 733.5,
    "hour": 18,
    "carrier": "UA",
    "wind": 12.0,
    "engine": "jet",
    "weekend": False,
    "seats": 149,
}
PATHS = [INFER, "/invocations", "/score", "/v1/x:predict"]
NAMES = [*VALID_ROW, "unknown", "\ud800", ""]

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=2**62, max_value=2**70)
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["UA", "jet", "steam", "1", "1e999", "NaN", "\ud800", "\x00", "9" * 5000])
)
values_ = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | st.text(), inner, max_size=3),
    max_leaves=6,
)
tensors = st.fixed_dictionaries(
    {
        "name": st.sampled_from(NAMES),
        "shape": st.lists(st.integers(-1, 3), max_size=3) | values_,
        "datatype": st.sampled_from(["FP64", "INT64", "BYTES", "BOOL", "X"]),
        "data": st.lists(scalars | st.lists(scalars, max_size=2), max_size=3),
    }
)
rows = st.lists(
    st.dictionaries(st.sampled_from(NAMES), scalars, max_size=7) | st.lists(scalars, max_size=8), max_size=3
)
bodies = st.one_of(
    values_,
    st.fixed_dictionaries({"inputs": st.lists(tensors, max_size=8)}, optional={"id": scalars, "outputs": values_}),
    st.fixed_dictionaries({"inputs": st.dictionaries(st.sampled_from(NAMES), st.lists(scalars, max_size=2))}),
    st.fixed_dictionaries({"instances": rows | values_}, optional={"parameters": values_}),
    st.fixed_dictionaries({"dataframe_records": rows}),
    st.fixed_dictionaries(
        {
            "dataframe_split": st.fixed_dictionaries(
                {"columns": st.lists(st.sampled_from(NAMES), max_size=8), "data": rows}
            )
        }
    ),
)
few_examples = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module", params=["lightgbm", "sklearn"])
def app(request: pytest.FixtureRequest, plane: DataPlane, sklearn_plane: DataPlane) -> App:
    selected = plane if request.param == "lightgbm" else sklearn_plane
    return app_of(selected, predict_routes=("/invocations", "/score", "/v1/x:predict"), max_body_bytes=100_000)


def never_500(
    app: App, method: str, path: str, chunks: list[bytes], headers: list[tuple[bytes, bytes]]
) -> tuple[int, Any]:
    got = asyncio.run(request(app, method, path, chunks, headers))
    assert got is not None
    assert got.status in (200, 400, 404, 405, 413, 415, 422), (got.status, got.body)
    if got.status == 200 and method != "POST":
        return 200, None
    if method == "HEAD":
        return got.status, None
    answer = got.json
    if got.status != 200:
        assert list(answer) == ["error"]
        assert 10 < len(answer["error"]) < 2000
    return got.status, answer


@few_examples
@given(path=st.sampled_from(PATHS), body=bodies)
@example(path=INFER, body={"inputs": [{"name": "\ud800", "shape": [1], "datatype": "FP64", "data": [float("nan")]}]})
def test_app_any_json_gives_no_500(app: App, path: str, body: Any) -> None:
    never_500(app, "POST", path, [json.dumps(body).encode()], [])


@few_examples
@given(
    path=st.sampled_from(PATHS), name=st.sampled_from(list(VALID_ROW)), values=st.lists(scalars, min_size=1, max_size=3)
)
def test_app_any_value_gives_no_500(app: App, path: str, name: str, values: list[Any]) -> None:
    body = request_body(FLIGHTS, [{**VALID_ROW, name: value} for value in values])
    status, answer = never_500(app, "POST", path, [body], [])
    if status == 200:
        assert len(answer["outputs"][0]["data"]) == len(values)
    elif status == 400 and "JSON" not in answer["error"] and "not as expected" not in answer["error"]:
        assert f"Column '{name}', row " in answer["error"]
        assert "expected" in answer["error"]


@few_examples
@given(
    method=st.sampled_from(["GET", "POST", "HEAD", "PUT", "OPTIONS", "X"]),
    path=st.sampled_from([*PATHS, "/ping", "/v2/models/", "/v2/models/flight_delay/x"]) | st.text(),
    chunks=st.lists(st.binary(), min_size=1, max_size=3),
    headers=st.lists(
        st.tuples(
            st.sampled_from([b"content-type", b"content-length", b"content-encoding", b"accept"]),
            st.binary(max_size=20) | st.sampled_from([b"text/csv", b"application/json", b"0", b"-1", b"identity"]),
        ),
        max_size=3,
    ),
)
def test_app_any_request_gives_no_500(
    app: App, method: str, path: str, chunks: list[bytes], headers: list[tuple[bytes, bytes]]
) -> None:
    never_500(app, method, path, chunks, headers)


@few_examples
@given(text=st.text(alphabet='ab,\n\r"1. \x00\u2028é') | st.binary().map(lambda b: b.decode("latin-1")))
def test_app_any_csv_gives_no_500(app: App, text: str) -> None:
    for head in ("", "distance,hour,carrier,weekend\n"):
        never_500(app, "POST", "/invocations", [(head + text).encode()], [(b"content-type", b"text/csv")])


@few_examples
@given(
    path=st.sampled_from(PATHS),
    datatype=st.sampled_from(["FP64", "INT8", "BOOL", "BYTES", "X"]),
    size=st.integers(-1, 20) | scalars,
    tail=st.binary(max_size=20),
)
def test_app_any_binary_tensor_gives_no_500(app: App, path: str, datatype: str, size: Any, tail: bytes) -> None:
    tensor = {"name": "distance", "shape": [1], "datatype": datatype, "parameters": {"binary_data_size": size}}
    never_500(app, "POST", path, [json.dumps({"inputs": [tensor]}).encode(), tail], [])


DEEP = 40_000


@pytest.mark.parametrize(
    "body",
    [
        b"[" * DEEP,
        b"[" * DEEP + b"NaN" + b"]" * DEEP,
        b'{"instances":[' + b'{"wind":' * 9000 + b"1" + b"}" * 9000 + b"]}",
        b'{"instances":[[' + b"[" * 900 + b"]" * 900 + b"]]}",
        b'{"instances":[{"hour":' + b"9" * 90_000 + b"}]}",
        b'{"instances":[{"hour":' + b"9" * 90_000 + b',"wind":NaN}]}',
        b'{"instances":[{"hour":1e999}]}',
        b'{"instances":[{"wind":Infinity}]}',
        b'{"instances":[{"carrier":"\\ud800"}]}',
        b'{"instances":[{"carrier":"\\ud800","wind":NaN}]}',
        b'{"instances":[{"carrier":"\xed\xa0\x80"}]}',
        b'{"instances":[{"carrier":"\xff"}]}',
        b'{"id":"\\ud800","inputs":[],"parameters":{"x":NaN}}',
        b"\xef\xbb\xbf{}",
        b"\xff\xfe{\x00}\x00",
        b"",
        b" ",
        b"null",
        b'"NaN"',
        b"NaN",
    ],
    ids=lambda body: body[:30].decode("latin-1"),
)
@pytest.mark.parametrize("path", PATHS)
def test_app_malicious_body_gives_400(app: App, path: str, body: bytes) -> None:
    status, _ = never_500(app, "POST", path, [body], [])
    assert status == 400


def test_app_infinity_error_names_column_and_row(app: App) -> None:
    body = request_body(FLIGHTS, [VALID_ROW, {**VALID_ROW, "wind": float("-inf")}])
    _, answer = never_500(app, "POST", INFER, [body], [])
    assert answer["error"] == "Column 'wind', row 1: expected a finite number (FP64), got -inf."
