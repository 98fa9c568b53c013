"""Gathering the clouds' prediction logs: each request once, whatever is killed, late or gone."""

import time
from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from intermodal.assets.predictions import gather, newest
from intermodal.platform import predictions
from intermodal.platform.clouds import CLOUDS
from intermodal.platform.errors import Unavailable
from intermodal.platform.prediction_log import Header, object_key
from intermodal.platform.signature import Column
from tests.log_objects import Logged, packed
from tests.memory import MemoryStore, MemoryTables

NOW = time.time()


def write(store: MemoryStore, number: int, *requests: tuple[str, float], version: str = "1.0.0") -> None:
    header = Header("wine", version, store.cloud, f"{store.cloud}/x", 1.0, (Column("x", "FP64"),))
    logged = [Logged(name, at, 1, {"x": [at]}, [[0.5]]) for name, at in requests]
    store.put(object_key("wine", requests[0][1], "writer", number), packed(header, *logged))


def ids(tables: MemoryTables) -> list[str]:
    found = []
    for part in tables.partitions("wine", "predictions"):
        found += list(tables.read("wine", "predictions", part)[predictions.ID])
    return sorted(found)


def test_a_second_gathering_reads_only_what_is_new() -> None:
    tables, store = MemoryTables(), Counting("aws")
    write(store, 1, ("a", NOW), ("b", NOW + 1))
    assert gather(tables, store, "wine", []) == 2
    write(store, 2, ("c", NOW + 2))
    assert gather(tables, store, "wine", []) == 1
    assert gather(tables, store, "wine", []) == 0
    assert ids(tables) == ["a", "b", "c"]
    assert store.gets == 2


def test_an_answer_of_two_clouds_counts_once() -> None:
    tables, aws, gcp = MemoryTables(), MemoryStore("aws"), MemoryStore("gcp")
    write(aws, 1, ("a", NOW + 1.5))
    write(gcp, 1, ("a", NOW))
    assert gather(tables, aws, "wine", []) == 1
    assert gather(tables, gcp, "wine", []) == 0
    assert newest(tables, "wine", "1.0.0", 10)[predictions.CLOUD].tolist() == ["gcp"]


def test_objects_that_come_an_hour_late_are_found() -> None:
    tables, store = MemoryTables(), MemoryStore("aws")
    write(store, 1, ("new", NOW))
    gather(tables, store, "wine", [])
    write(store, 2, ("late", NOW - 3600))
    write(store, 3, ("newer", NOW + 1))
    gather(tables, store, "wine", [])
    write(store, 4, ("very late", NOW - 7200))
    gather(tables, store, "wine", [])
    assert {"new", "newer"} <= set(ids(tables))


def test_a_damaged_object_is_named_once_and_keeps_nobody_waiting() -> None:
    tables, store, damaged = MemoryTables(), MemoryStore("aws"), list[str]()
    store.put(object_key("wine", NOW, "writer", 1), b"no archive")
    write(store, 2, ("a", NOW))
    assert gather(tables, store, "wine", damaged) == 1
    assert gather(tables, store, "wine", damaged) == 0
    assert ids(tables) == ["a"]
    assert len(damaged) == 1
    assert "writer-000001" in damaged[0]


def test_newest_is_of_one_version_and_bounded() -> None:
    tables, store = MemoryTables(), MemoryStore("aws")
    write(store, 1, *((f"old{i}", NOW + i) for i in range(5)))
    write(store, 2, *((f"new{i}", NOW + 600 + i) for i in range(700)), version="1.1.0")
    gather(tables, store, "wine", [])
    assert len(newest(tables, "wine", "1.1.0", 100)) == 100
    assert newest(tables, "wine", "1.1.0", 1)[predictions.ID].tolist() == ["new699"]
    assert len(newest(tables, "wine", "1.0.0", 100)) == 5
    assert newest(tables, "wine", "2.0.0", 100).empty


class Counting(MemoryStore):
    """Counts reads, and can be killed at the n-th call or table write."""

    gets = 0
    kill_at = -1

    def get(self, key: str) -> bytes:
        self.gets += 1
        if self.gets == self.kill_at:
            raise Unavailable("killed")
        return super().get(key)


class Fragile(MemoryTables):
    kill_at = -1
    writes = 0

    def write(self, model: str, stage: str, partition: str, table: object) -> None:
        self.writes += 1
        if self.writes == self.kill_at:
            raise KeyboardInterrupt
        super().write(model, stage, partition, table)  # type: ignore[arg-type]


@given(
    st.dictionaries(
        st.sampled_from(CLOUDS),
        st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 1800)), min_size=1),
        min_size=1,
    ),
    st.integers(1, 8),
    st.booleans(),
)
def test_killed_anywhere_nothing_is_lost_and_nothing_comes_twice(
    answers: Mapping[str, list[tuple[str, int]]], kill_at: int, in_store: bool
) -> None:
    tables = Fragile()
    stores = {cloud: Counting(cloud) for cloud in answers}  # type: ignore[arg-type]
    for cloud, given_ in answers.items():
        for number, (name, later) in enumerate(given_):
            write(stores[cloud], number, (f"{name}{later // 300}", NOW // 3600 * 3600 + later))
    for store in stores.values():
        store.kill_at = kill_at if in_store else -1
    tables.kill_at = -1 if in_store else kill_at
    for _ in range(2):
        for store in stores.values():
            try:
                gather(tables, store, "wine", [])
            except (Unavailable, KeyboardInterrupt):
                continue
    wanted = {f"{name}{later // 300}" for given_ in answers.values() for name, later in given_}
    assert ids(tables) == sorted(wanted)
