"""Whether every request that was answered is in the prediction logs of the clouds."""

import itertools
import time
from collections.abc import Collection
from tempfile import TemporaryDirectory

from intermodal.platform.errors import IntermodalError
from intermodal.platform.monitoring.log_gathering import gather
from intermodal.platform.monitoring.log_retention import PREDICTIONS_STAGE
from intermodal.platform.monitoring.predictions import LABEL_ID
from intermodal.platform.targets import Cloud
from intermodal.resources.storage.tables import ParquetTables
from intermodal.sandbox.local.replay import Callers
from tests.chaos.scene import MODEL, RATE, Scene

PATIENCE_SECONDS = 120.0
"""A server that could not write tries again, later and later, for a while."""


def asked(at: Scene, prefix: str, count: int) -> set[str]:
    """Ask so many times, beside the other callers; the ids of the requests."""
    callers = Callers(at.callers.url, RATE)
    callers.play(itertools.islice(at.bodies(prefix), count))
    at.callers.sent += callers.sent
    return {f"{prefix}-{number}" for number in range(count)}


def missing(at: Scene, ids: Collection[str], clouds: Collection[Cloud]) -> set[str]:
    """Those that are in no cloud's log, after patience: gathered as ``<model>/predictions`` does, in a folder apart."""
    deadline, left = time.monotonic() + PATIENCE_SECONDS, set(ids)
    with TemporaryDirectory() as folder:
        tables, damaged = ParquetTables(address=folder), list[str]()
        while left and time.monotonic() < deadline:
            for cloud in clouds:
                try:
                    gather(tables, at.stores[cloud], MODEL, damaged)
                except IntermodalError:
                    continue  # it still errs
            for part in tables.partitions(MODEL, PREDICTIONS_STAGE):
                left -= set(tables.read(MODEL, PREDICTIONS_STAGE, part)[LABEL_ID])
            time.sleep(1)
    return left
