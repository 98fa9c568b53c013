"""Gathering the clouds' prediction logs, and what of it is looked at."""

from intermodal.platform.monitoring import predictions
from intermodal.platform.monitoring.log_gathering import gather
from intermodal.platform.monitoring.predictions import newest
from intermodal.platform.protocol.prediction_log import object_key
from intermodal.platform.targets import Site
from tests.assets.conftest import World
from tests.assets.monitoring.gathering import NOW, Counting, ids, write
from tests.assets.monitoring.watching_world import look
from tests.memory import MemoryStore, MemoryTables
from tests.targets import AWS


def test_gather_again_reads_only_new_objects() -> None:
    tables, store = MemoryTables(), Counting(Site("aws"))
    write(store, 1, ("a", NOW), ("b", NOW + 1))
    assert gather(tables, store, "wine", []) == 2
    write(store, 2, ("c", NOW + 2))
    assert gather(tables, store, "wine", []) == 1
    assert gather(tables, store, "wine", []) == 0
    assert ids(tables) == ["a", "b", "c"]
    assert store.gets == 2


def test_gather_finds_objects_that_are_an_hour_late() -> None:
    tables, store = MemoryTables(), MemoryStore(Site("aws"))
    write(store, 1, ("new", NOW))
    gather(tables, store, "wine", [])
    write(store, 2, ("late", NOW - 3600))
    write(store, 3, ("newer", NOW + 1))
    gather(tables, store, "wine", [])
    write(store, 4, ("very late", NOW - 7200))
    gather(tables, store, "wine", [])
    assert {"new", "newer"} <= set(ids(tables))


def test_gather_with_a_damaged_object_names_it_once() -> None:
    tables, store, damaged = MemoryTables(), MemoryStore(Site("aws")), list[str]()
    store.put(object_key("wine", NOW, "writer", 1), b"no archive")
    write(store, 2, ("a", NOW))
    assert gather(tables, store, "wine", damaged) == 1
    assert gather(tables, store, "wine", damaged) == 0
    assert ids(tables) == ["a"]
    assert len(damaged) == 1
    assert "writer-000001" in damaged[0]


def test_newest_is_of_one_version_and_bounded() -> None:
    tables, store = MemoryTables(), MemoryStore(Site("aws"))
    write(store, 1, *((f"old{i}", NOW + i) for i in range(5)))
    write(store, 2, *((f"new{i}", NOW + 600 + i) for i in range(700)), version="1.1.0")
    gather(tables, store, "wine", [])
    assert len(newest(tables, "wine", "1.1.0", 100)) == 100
    assert newest(tables, "wine", "1.1.0", 1)[predictions.ID].tolist() == ["new699"]
    assert len(newest(tables, "wine", "1.0.0", 100)) == 5
    assert newest(tables, "wine", "2.0.0", 100).empty


def test_gather_reads_targets_of_one_site_from_its_store(twin_world: World) -> None:
    store = twin_world.stores[AWS.site]
    write(store, 1, ("a", NOW), ("b", NOW + 1), kind="sagemaker")
    write(store, 1, ("b", NOW + 2), ("c", NOW + 3), kind="eks")
    found = look(twin_world, "predictions")
    assert (found["new_rows"], found["new_rows_aws"], found["new_rows_gcp"]) == (3, 3, 0)
    rows = predictions.newest(twin_world.tables, "wine", "1.0.0", 10)
    assert rows[predictions.TARGET].tolist() == ["aws/sagemaker", "aws/sagemaker", "aws/eks"]
