"""What tests of gathering share: objects of a prediction log, and stores and tables that count and can be killed."""

import time
from collections.abc import Iterable

import pandas as pd

from intermodal.platform.errors import Unavailable
from intermodal.platform.monitoring import predictions
from intermodal.platform.monitoring.log_retention import GATHERED_STAGE, PREDICTIONS_STAGE
from intermodal.platform.protocol.prediction_log import Header, object_key
from intermodal.platform.protocol.signature import Column
from intermodal.platform.targets import Site
from tests.log_objects import Logged, packed
from tests.memory import MemoryStore, MemoryTables

NOW = time.time() // 3600 * 3600
"""Where an hour and a part begin, whatever the time is."""


def write(
    store: MemoryStore, number: int, *requests: tuple[str, float], version: str = "1.0.0", kind: str = "x"
) -> str:
    """An object of requests of one row each, by id and time; its key."""
    header = Header("wine", version, store.site.cloud, f"{store.site.cloud}/{kind}", 1.0, (Column("x", "FP64"),))
    logged = [Logged(name, moment, 1, {"x": [moment]}, [[0.5]]) for name, moment in requests]
    key = object_key("wine", requests[0][1], f"writer-{kind}", number)
    store.put(key, packed(header, *logged))
    return key


def gathered(tables: MemoryTables) -> list[tuple[str, float]]:
    """Id and time of every row of all parts, sorted."""
    found = []
    for part in tables.partitions("wine", PREDICTIONS_STAGE):
        rows = tables.frames["wine", PREDICTIONS_STAGE, part]
        found += list(zip(rows[predictions.ID], rows[predictions.AT], strict=True))
    return sorted(found)


def ids(tables: MemoryTables) -> list[str]:
    return [id_ for id_, _ in gathered(tables)]


class Counting(MemoryStore):
    """Counts reads, and can be killed at the n-th."""

    gets = 0
    kill_at = -1

    def get(self, key: str) -> bytes:
        self.gets += 1
        if self.gets == self.kill_at:
            raise Unavailable("killed")
        return super().get(key)


class Fragile(MemoryTables):
    """Can be killed at the n-th write. Lists the parts that were read and written, and counts writes of what was
    gathered."""

    def __init__(self, kill_at: int = -1) -> None:
        super().__init__()
        self.kill_at, self.writes, self.notes = kill_at, 0, 0
        self.parts_read, self.parts_written = list[str](), list[str]()

    def write(self, model: str, stage: str, partition: str, table: pd.DataFrame) -> None:
        self.writes += 1
        if self.writes == self.kill_at:
            raise KeyboardInterrupt
        super().write(model, stage, partition, table)
        self.notes += stage == GATHERED_STAGE
        if stage == PREDICTIONS_STAGE:
            self.parts_written.append(partition)

    def read(self, model: str, stage: str, partition: str) -> pd.DataFrame:
        if stage == PREDICTIONS_STAGE:
            self.parts_read.append(partition)
        return super().read(model, stage, partition)


def stores_of(sites: Iterable[Site]) -> dict[Site, Counting]:
    return {site: Counting(site) for site in sites}
