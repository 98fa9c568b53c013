"""Old predictions are deleted if they were gathered, and never otherwise, whatever is killed or unavailable."""

from collections.abc import Sequence

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intermodal.platform.errors import Unavailable
from intermodal.platform.monitoring import predictions
from intermodal.platform.monitoring.log_gathering import gather
from intermodal.platform.monitoring.log_retention import DAY_SECONDS, remove_old
from intermodal.platform.monitoring.predictions import newest
from intermodal.platform.protocol.prediction_log import Header, object_key
from intermodal.platform.protocol.signature import Column
from intermodal.platform.spec import ModelSpec
from intermodal.platform.targets import Site
from tests.assets.conftest import World
from tests.log_objects import Logged, packed
from tests.memory import MemoryStore, MemoryTables
from tests.sensors.support import spec
from tests.targets import SITES

HOUR = 3600.0
NOW = 1_795_000_000.0 // HOUR * HOUR
WINE = spec("wine", drift={"rows": 1, "min_rows": 1}, log_keep_days=30)
ROOMY = spec("wine", drift={"rows": 100, "min_rows": 1}, log_keep_days=30)


class Store(MemoryStore):
    """Can be unavailable, or killed at the n-th deletion from now."""

    gone, kill_at = False, -1

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.calls: list[str] = []

    def list(self, prefix: str) -> dict[str, int]:
        self._reach(prefix)
        return dict(super().list(prefix))

    def delete(self, key: str) -> None:
        self._reach(key)
        self.kill_at -= 1
        if self.kill_at == 0:
            raise Unavailable("killed")
        super().delete(key)

    def _reach(self, what: str) -> None:
        if self.gone:
            raise Unavailable(f"{self.site} does not answer")
        self.calls.append(what)


def write(store: MemoryStore, moment: float, name: str = "") -> str:
    """An object of one request, named after its time unless it has a name."""
    name = name or f"{store.site}-{moment:.0f}"
    header = Header("wine", "1.0.0", store.site.cloud, f"{store.site.cloud}/x", 1.0, (Column("x", "FP64"),))
    key = object_key("wine", moment, f"writer-{name}", 1)
    store.put(key, packed(header, Logged(name, moment, 1, {"x": [moment]}, [[0.5]])))
    return key


def remove(tables: MemoryTables, *stores: Store, sites: Sequence[Site] = (), of: ModelSpec = WINE) -> tuple[int, int]:
    """How many objects and parts were deleted."""
    removed = remove_old(tables, stores, of, sites or [store.site for store in stores], NOW)
    return sum(removed.objects.values()), removed.parts


def test_remove_old_deletes_old_and_keeps_young() -> None:
    tables, store = MemoryTables(), Store(Site("aws"))
    old = [NOW - 40 * DAY_SECONDS, NOW - 31 * DAY_SECONDS]
    young = [NOW - 29 * DAY_SECONDS, NOW - 600]
    for moment in (*old, *young):
        write(store, moment)
    gather(tables, store, "wine", [])
    assert remove(tables, store) == (2, 2)
    assert sorted(store.objects) == sorted(
        object_key("wine", moment, f"writer-aws-{moment:.0f}", 1) for moment in young
    )
    assert tables.partitions("wine", "predictions") == sorted(map(predictions.part_of, young))
    assert remove(tables, store) == (0, 0)
    assert gather(tables, store, "wine", []) == 0
    write(store, NOW)
    assert gather(tables, store, "wine", []) == 1


def test_remove_old_keeps_what_was_not_gathered() -> None:
    tables, store = MemoryTables(), Store(Site("aws"))
    first, late = NOW - 40 * DAY_SECONDS, NOW - 40 * DAY_SECONDS + 60
    write(store, first)
    gather(tables, store, "wine", [])
    waiting = write(store, late, "late")  # of the same hour, after the gathering and before the removal
    assert remove(tables, store) == (1, 0)
    assert list(store.objects) == [waiting]
    assert gather(tables, store, "wine", []) == 1
    assert remove(tables, store, of=ROOMY) == (1, 0)
    assert newest(tables, "wine", "1.0.0", 10)[predictions.ID].tolist() == [f"aws-{first:.0f}", "late"]


def test_remove_old_keeps_all_of_a_site_that_was_never_read() -> None:
    tables, aws, gcp = MemoryTables(), Store(Site("aws")), Store(Site("gcp"))
    for store in (aws, gcp):
        write(store, NOW - 40 * DAY_SECONDS)
        write(store, NOW)
    gather(tables, aws, "wine", [])
    assert remove(tables, aws, gcp) == (1, 0)
    assert len(gcp.objects) == 2


def test_remove_old_of_an_unavailable_site_is_done_later() -> None:
    tables, aws, gcp = MemoryTables(), Store(Site("aws")), Store(Site("gcp"))
    for store in (aws, gcp):
        write(store, NOW - 40 * DAY_SECONDS)
        write(store, NOW)
        gather(tables, store, "wine", [])
    aws.gone = True
    removed = remove_old(tables, [aws, gcp], WINE, [aws.site, gcp.site], NOW)
    assert (removed.objects, removed.parts) == ({gcp.site: 1}, 0)
    assert removed.left == {aws.site: "aws does not answer"}
    aws.gone = False
    assert remove(tables, aws, gcp) == (1, 1)
    assert [len(store.objects) for store in (aws, gcp)] == [1, 1]


def test_remove_old_with_a_cold_target_deletes_parts() -> None:
    """It has nothing, or only old predictions."""
    tables, aws, gcp, azure = MemoryTables(), Store(Site("aws")), Store(Site("gcp")), Store(Site("azure"))
    for moment in (NOW - 40 * DAY_SECONDS, NOW - 35 * DAY_SECONDS, NOW):
        write(aws, moment)
    write(gcp, NOW - 40 * DAY_SECONDS)
    for store in (aws, gcp, azure):
        gather(tables, store, "wine", [])
    assert remove(tables, aws, gcp, azure) == (3, 2)
    assert not gcp.objects
    assert tables.partitions("wine", "predictions") == [predictions.part_of(NOW)]


def test_remove_old_of_an_hour_with_only_duplicates_empties_it() -> None:
    tables, aws, gcp = MemoryTables(), Store(Site("aws")), Store(Site("gcp"))
    write(aws, NOW - 40 * DAY_SECONDS + 0.4, "a")
    write(gcp, NOW - 40 * DAY_SECONDS - 0.4, "a")
    for store in (aws, gcp):
        write(store, NOW)
        gather(tables, store, "wine", [])
    assert remove(tables, aws, gcp) == (2, 2)
    assert [len(store.objects) for store in (aws, gcp)] == [1, 1]


def test_remove_old_of_a_quiet_model_keeps_rows_for_drift() -> None:
    tables, store = MemoryTables(), Store(Site("aws"))
    for day in range(40, 50):
        write(store, NOW - day * DAY_SECONDS)
    gather(tables, store, "wine", [])
    three = spec("wine", drift={"rows": 3, "min_rows": 1}, log_keep_days=30)
    while remove(tables, store, of=three) != (0, 0):
        pass
    assert not store.objects
    assert len(newest(tables, "wine", "1.0.0", 3)) == 3


def test_remove_old_is_bounded_and_ends_after_several_calls() -> None:
    tables, store = MemoryTables(), Store(Site("aws"))
    for number in range(30):
        write(store, NOW - 40 * DAY_SECONDS + number, f"r{number}")
    for number in range(200):
        write(store, NOW - 40 * DAY_SECONDS + number * HOUR, f"h{number}")
    write(store, NOW)
    gather(tables, store, "wine", [])
    few = spec("wine", drift={"rows": 10, "min_rows": 1}, log_keep_days=30)
    looks = 0
    while len(store.objects) > 1:
        store.calls.clear()
        remove(tables, store, of=few)
        assert len(store.calls) <= 2 * (2 * 10)
        looks += 1
        assert looks < 330
    assert looks > 10


STEPS = st.lists(
    st.tuples(st.sampled_from(["write", "gather", "remove", "kill", "gone", "back"]), st.integers(0, 120)),
    min_size=4,
    max_size=25,
)


@given(STEPS)
def test_remove_old_deletes_only_requests_gathered_once(steps: list[tuple[str, int]]) -> None:
    """Requests of one cloud come in order, in up to 120 hours around the limit of 30 days; none for an hour that was
    looked through to be emptied, which is over for 30 days."""
    tables, store, written, added = MemoryTables(), Store(Site("aws")), 0, 0
    moment, emptied = NOW - 33 * DAY_SECONDS, False
    for step, number in [*steps, ("back", 0), ("gather", 0)]:
        match step:
            case "write":
                moment += max(number % 7, int(emptied)) * HOUR
                emptied = False
                written += 1
                write(store, moment, f"r{written}")
            case "gone" | "back":
                store.gone = step == "gone"
            case "kill":
                store.kill_at = number % 3 + 1
            case "gather":
                try:
                    added += gather(tables, store, "wine", [])
                except Unavailable:
                    assert store.gone
            case _:
                remove(tables, store, of=ROOMY)
                store.kill_at, emptied = -1, True
    assert added == written
    assert len(newest(tables, "wine", "1.0.0", 100)) == written
    store.kill_at = -1
    remove(tables, store, of=ROOMY)
    limit = object_key("wine", NOW - 30 * DAY_SECONDS, "", 0)
    assert all(key >= limit[: limit.rindex("/")] for key in store.objects)


@pytest.fixture
def deployed(world: World) -> World:
    assert world.run("train_and_deploy_wine").success
    return world


def test_predictions_asset_reports_what_it_removed(deployed: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib import import_module

    monkeypatch.setattr(import_module("intermodal.assets.monitoring.predictions").time, "time", lambda: NOW)
    for store in (deployed.stores[site] for site in SITES):
        write(store, NOW - 40 * DAY_SECONDS)
        write(store, NOW)

    def fails(_: str) -> dict[str, int]:
        raise Unavailable("gcp does not answer")

    monkeypatch.setattr(deployed.stores[Site("gcp")], "list", fails)
    result = deployed.run("watch_wine", asset_selection=[dg.AssetKey(["wine", "predictions"])])
    assert result.success
    found = deployed.metadata("predictions")
    assert (found["removed_objects_aws"], found["removed_objects_azure"]) == (1, 1)
    assert "removed_objects_gcp" not in found
    assert found["not_read"] == "gcp: gcp does not answer"
    logged = {site: [key for key in deployed.stores[site].objects if "predictions/wine/" in key] for site in SITES}
    assert {str(site): len(keys) for site, keys in logged.items()} == {"aws": 1, "gcp": 2, "azure": 1}
