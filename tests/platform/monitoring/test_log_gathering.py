"""Gathering some objects at a time: however much waits, no more is held, and a killed gatherer
loses no more."""

import gzip
import weakref
from collections.abc import Iterator

import pandas as pd
import pytest

from intermodal.platform.errors import NotFound
from intermodal.platform.monitoring import log_gathering, predictions
from intermodal.platform.monitoring.log_gathering import OBJECT_OVERHEAD_BYTES, gather
from intermodal.platform.protocol.prediction_log import Header
from intermodal.platform.targets import Site
from tests.assets.monitoring.gathering import NOW, Counting, Fragile, ids, write
from tests.memory import MemoryStore

LIMIT = 100_000


class Held:
    """Reads objects, and knows of each table that it made whether it is referenced."""

    def __init__(self) -> None:
        self.tables = list[tuple["weakref.ref[pd.DataFrame]", int]]()
        self.read, self.most = predictions.read, 0

    def __call__(self, data: bytes, key: str) -> tuple[Header, pd.DataFrame]:
        self.most = max(self.most, sum(size for table, size in self.tables if table() is not None))
        header, rows = self.read(data, key)
        self.tables.append((weakref.ref(rows), len(gzip.decompress(data))))
        return header, rows


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    found = Held()
    monkeypatch.setattr(log_gathering, "BATCH_BYTES", LIMIT)
    monkeypatch.setattr(predictions, "read", found)
    return found


def fill(store: MemoryStore, objects: int, rows: int) -> int:
    """Rows that are packed to a small part of themselves; bytes of all, unpacked."""
    for number in range(objects):
        write(store, number, *[(f"id-of-a-request-{number}-{row}", NOW + number) for row in range(rows)])
    return sum(len(gzip.decompress(data)) for data in store.objects.values())


def test_gather_holds_no_more_than_a_batch(held: Held) -> None:
    tables, store = Fragile(), Counting(Site("aws"))
    whole = fill(store, 40, 300)
    assert whole > 6 * LIMIT
    assert sum(map(len, store.objects.values())) < LIMIT
    assert gather(tables, store, "wine", []) == 40 * 300
    assert LIMIT / 2 < held.most < LIMIT
    assert whole / LIMIT < tables.notes < 2 * whole / LIMIT


@pytest.mark.usefixtures("held")
def test_gather_counts_an_overhead_for_small_objects() -> None:
    tables, store = Fragile(), Counting(Site("aws"))
    fill(store, 40, 1)
    gather(tables, store, "wine", [])
    assert 40 * OBJECT_OVERHEAD_BYTES / LIMIT < tables.notes < 8


@pytest.mark.usefixtures("held")
def test_gather_of_damaged_objects_is_batched() -> None:
    tables, store, damaged = Fragile(), Counting(Site("aws")), list[str]()
    fill(store, 40, 1)
    store.objects = dict.fromkeys(store.objects, b"no archive")
    assert gather(tables, store, "wine", damaged) == 0
    assert len(damaged) == 40
    assert 40 * OBJECT_OVERHEAD_BYTES / LIMIT < tables.notes < 8
    assert gather(tables, store, "wine", damaged) == 0
    assert len(damaged) == 40


@pytest.mark.usefixtures("held")
def test_gather_after_an_object_vanished_continues_the_next_time() -> None:
    tables, store = Fragile(), Vanishing(Site("aws"))
    fill(store, 40, 300)
    store.gone = sorted(store.objects)[30]
    with pytest.raises(NotFound):
        gather(tables, store, "wine", [])
    notes, gathered = tables.notes, len(ids(tables))
    assert notes >= 3
    assert gather(tables, store, "wine", []) == 39 * 300 - gathered
    assert len(ids(tables)) == 39 * 300
    assert store.gets < 45


def test_gather_writes_each_part_once() -> None:
    tables, store = Fragile(), Counting(Site("aws"))
    fill(store, 250, 20)
    assert gather(tables, store, "wine", []) == 250 * 20
    assert (tables.notes, tables.parts_written) == (1, [predictions.part_of(NOW)])


class Vanishing(Counting):
    """``gone`` is deleted once it was listed."""

    gone = ""

    def get(self, key: str) -> bytes:
        if key == self.gone:
            self.delete(key)
        return super().get(key)
