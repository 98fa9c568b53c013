"""An unseen category, from the bytes of a request to the finding of the drift report."""

import zlib
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from intermodal.platform.monitoring.counts import count
from intermodal.platform.monitoring.log_gathering import gather
from intermodal.platform.monitoring.predictions import newest
from intermodal.platform.monitoring.quality import findings
from intermodal.platform.protocol.package import Package
from intermodal.platform.protocol.v2 import request_body
from intermodal.platform.training.profile import Profile, profile_of
from intermodal.serving.dataplane import DataPlane, open_plane
from intermodal.serving.fast_path.connection import FastPathProtocol
from intermodal.serving.http.app import INLINE_BYTES, App
from intermodal.serving.prediction_log.log import PredictionLog
from intermodal.serving.service import Model, Service
from intermodal.serving.settings import Identity, Settings
from tests.memory import MemoryStore, MemoryTables
from tests.serving.conftest import FLIGHTS, Row, as_rows, flights
from tests.serving.fast_path.test_connection import END, post, serve
from tests.targets import AWS

SETTINGS = Settings(identity=Identity("1.2.3", "aws", "aws/sagemaker"), predictions="file:///x", rows_per_second=2**31)
BOTH_PATHS = pytest.mark.parametrize("http", [FastPathProtocol, "httptools"], ids=["fast", "general"])


def logged(plane: DataPlane, http: Any, *requests: bytes) -> MemoryStore:
    """The store after a server answered these requests and closed its log."""
    store, model = MemoryStore(AWS.site), Model(plane.package, Path("nowhere"), plane)
    service = Service([model], SETTINGS)
    service.log = PredictionLog({plane.package: model.counts}, SETTINGS, store.put)
    with closing(serve(App(service), http)) as running:
        served = next(running)
        for request in requests:
            assert [status for status, _, _ in served.send(request + END)] == [200, 200]
        next(running, None)
    assert service.log.close(5) == 0
    return store


def entries(store: MemoryStore) -> list[list[Any]]:
    """The entries of the log's only object, as written."""
    [data] = store.objects.values()
    decoded = msgspec.msgpack.decode(zlib.decompress(data, wbits=31), strict=False)
    return list(decoded[1])


@BOTH_PATHS
def test_log_unseen_is_recorded_only_when_present(plane: DataPlane, row: Row, http: Any) -> None:
    odd, gap = {**row, "carrier": "ZZ", "engine": "e" * 100}, {**row, "engine": None}
    bodies = (
        request_body(FLIGHTS, [row]),
        request_body(FLIGHTS, [odd]),
        request_body(FLIGHTS, [row, gap, odd, gap]),
        request_body(FLIGHTS, [row, gap]),
        request_body(FLIGHTS, [row, odd]) + b" " * INLINE_BYTES,  # in a thread
    )
    cut = "e" * 63 + "…"
    plain, single, several, gaps, thread = entries(logged(plane, http, *map(post, bodies)))
    assert len(plain) == len(gaps) == 7
    assert single[7:] == [{"carrier": {0: "ZZ"}, "engine": {0: cut}}]
    assert several[7:] == [{"carrier": {2: "ZZ"}, "engine": {2: cut}}]
    assert thread[7:] == [{"carrier": {1: "ZZ"}, "engine": {1: cut}}]


@BOTH_PATHS
def test_log_unseen_of_sensitive_column_is_omitted(lightgbm_package: Path, row: Row, http: Any) -> None:
    package = replace(Package.read(lightgbm_package), sensitive=("carrier",))
    plane = open_plane(package, lightgbm_package, "1.2.3")
    odd = {**row, "carrier": "a-secret"}
    bodies = (request_body(FLIGHTS, [odd]), request_body(FLIGHTS, [row, {**odd, "engine": "steam"}]))
    store = logged(plane, http, *map(post, bodies))
    first, second = entries(store)
    assert len(first) == 7
    assert second[7:] == [{"engine": {1: "steam"}}]
    [data] = store.objects.values()
    for word in (b"secret", b"carrier"):
        assert word not in zlib.decompress(data, wbits=31)


@BOTH_PATHS
def test_log_unseen_gives_new_category_finding(plane: DataPlane, http: Any) -> None:
    training = flights(400)
    profile = Profile.from_dict(profile_of(training, FLIGHTS.inputs, np.full(400, 0.5)))
    rows = as_rows(training)
    for row in rows[:40]:
        row["carrier"] = "Zeppelin"
    posts = [post(request_body(FLIGHTS, batch)) for batch in ([rows[0]], rows[1:200], rows[200:])]
    tables = MemoryTables()
    assert gather(tables, logged(plane, http, *posts), "flight_delay", []) == 400
    logged_rows = newest(tables, "flight_delay", "1.2.3", 1000)
    counts = count(profile, logged_rows, np.full(400, 0.5), FLIGHTS.inputs)
    assert (counts.inputs["carrier"].unseen, counts.inputs["carrier"].missing) == (40, 0)
    [finding] = [found for found in findings(profile, counts) if found.column == "carrier"]
    assert finding.kind == "new category"
    assert finding.text == "10.0% of the rows have a value of carrier that training did not have: Zeppelin."
