"""OpenCost's and Kubecost's allocations as charges."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import ClassVar

import pytest

from intermodal.platform.cost.attribution import attributed
from intermodal.platform.errors import Refused, SpecError, Throttled, Unavailable
from intermodal.platform.ports.findings import Lack
from intermodal.resources.bills.opencost import ATTEMPTS, OpenCost
from intermodal.sandbox.settings import free_port
from tests.conformance.bills import BillsConformance, billed
from tests.resources.bills.allocation_server import Allocations, allocation, serving

DAY, NEXT = date(2026, 11, 2), date(2026, 11, 3)
NAME = "intermodal_model=m/intermodal_team=team_ops/intermodal_environment=staging"


@pytest.fixture
def server() -> Iterator[Allocations]:
    with serving() as found:
        yield found


def opencost(url: str) -> OpenCost:
    return OpenCost("gke", url, first_pause=0.001)


class TestOpenCost(BillsConformance):
    adapter: ClassVar[str] = "opencost"

    @pytest.fixture
    def bills(self, server: Allocations, monkeypatch: pytest.MonkeyPatch) -> OpenCost:
        monkeypatch.setattr("intermodal.resources.bills.opencost._now", lambda: datetime(2027, 2, 1, tzinfo=UTC))
        server.days["2026-11-02"] = {NAME: allocation(NAME, "2026-11-02", 1.25)}
        server.days["2026-12-03"] = {NAME: allocation(NAME, "2026-12-03", 2.5)}
        return opencost(server.url)

    @pytest.fixture
    def unreachable(self) -> OpenCost:
        return opencost(f"http://127.0.0.1:{free_port()}")


def test_allocations_are_attributed_and_idle_stays_its_own(server: Allocations) -> None:
    idle, unlabelled = "__idle__", "__unallocated__/__unallocated__/__unallocated__"
    server.days["2026-11-02"] = {
        NAME: allocation(NAME, "2026-11-02", 3.5, sharedCost=0.5, externalCost=1.0),
        idle: allocation(idle, "2026-11-02", 0.7),
        unlabelled: allocation(unlabelled, "2026-11-02", 0.3, properties={}),
    }
    (read,) = opencost(server.url).read(DAY, NEXT)
    (snapshot,) = read.snapshots
    rows = attributed(snapshot.table, "gke").to_pylist()
    assert [(row["x_Model"], row["x_Team"], row["x_Stage"], row["SkuId"], row["BilledCost"]) for row in rows] == [
        ("m", "ops", None, "totalCost", Decimal("2.0")),
        ("m", "ops", "shared", "sharedCost", Decimal("0.5")),
        ("m", "ops", None, "externalCost", Decimal("1.0")),
        (None, None, "shared", "totalCost", Decimal("0.7")),
        (None, None, None, "totalCost", Decimal("0.3")),
    ]
    assert server.queries[0]["accumulate"] == "false"
    assert server.queries[0]["window"] == "2026-11-02T00:00:00Z,2026-11-03T00:00:00Z"


def test_cost_is_the_decimal_that_was_written(server: Allocations) -> None:
    body = {"code": 200, "data": [{NAME: allocation(NAME, "2026-11-02", "@")}]}
    server.before = [(200, {}, json.dumps(body).replace('"@"', "0.1000000000000000055"))]
    (read,) = opencost(server.url).read(DAY, NEXT)
    assert billed(read.snapshots) == Decimal("0.100000000000000006")


def test_null_costs_are_found_and_parts_are_added(server: Allocations) -> None:
    server.days["2026-11-02"] = {
        "a": allocation("a", "2026-11-02", None, cpuCost=1.5, cpuCostAdjustment=-0.25, ramCost=None),
        "b": allocation("b", "2026-11-02", None, **dict.fromkeys(("cpuCost", "gpuCost", "ramCost", "pvCost"))),
        "c": {"name": "c", "properties": None, "totalCost": None},
        "d": allocation("d", "2026-11-02", -4.0),
    }
    (read,) = opencost(server.url).read(DAY, NEXT)
    assert billed(read.snapshots) == Decimal("-2.75")
    assert {(each.lack, each.example) for each in read.findings} == {(Lack.COST, "c"), (Lack.NEGATIVE_USAGE, "d")}


def test_day_that_is_not_over_is_not_read(server: Allocations) -> None:
    today = datetime.now(UTC).date()
    reads = list(opencost(server.url).read(today, today + timedelta(days=1)))
    assert [finding.lack for read in reads for finding in read.findings] == [Lack.INCOMPLETE_DAY]
    assert server.queries == []


@pytest.mark.parametrize("empty", [None, {}])
def test_day_without_data_is_no_bill_of_zero(server: Allocations, empty: None) -> None:
    server.days["2026-11-02"] = empty
    (read,) = opencost(server.url).read(DAY, NEXT)
    assert read.snapshots == ()
    assert [finding.lack for finding in read.findings] == [Lack.COST]


def test_server_that_recovers_is_read_once(server: Allocations) -> None:
    server.days["2026-11-02"] = {NAME: allocation(NAME, "2026-11-02", 1.25)}
    server.before = [(429, {"Retry-After": "0"}, ""), (503, {}, "starting"), (200, {}, '{"code": 200, "data": [{"a"')]
    (read,) = opencost(server.url).read(DAY, NEXT)
    assert billed(read.snapshots) == Decimal("1.25")
    assert len(server.queries) == 4


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (429, "", Throttled),
        (500, "", Unavailable),
        (403, "", Refused),
        (404, "not here", SpecError),
        (200, '{"code": 500, "message": "no data"}', Unavailable),
    ],
)
def test_answer_without_allocations_is_an_error(
    server: Allocations, status: int, body: str, error: type[Exception]
) -> None:
    server.before = [(status, {}, body)] * ATTEMPTS
    with pytest.raises(error):
        list(opencost(server.url).read(DAY, NEXT))


def test_window_of_another_day_is_refused(server: Allocations) -> None:
    server.days["2026-11-02"] = {NAME: allocation(NAME, "2026-11-05", 1.0)}
    with pytest.raises(SpecError, match="not within the UTC day"):
        list(opencost(server.url).read(DAY, NEXT))


def test_currency_is_in_the_address() -> None:
    assert OpenCost.of("gke", "http://h:9003#EUR") == OpenCost("gke", "http://h:9003", "EUR")
