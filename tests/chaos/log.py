"""Whether each request that got a response is in the prediction logs of the clouds."""

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
"""A server retries a failed write with growing pauses."""


def logged_requests(scene: Scene, prefix: str, count: int) -> set[str]:
    """Send ``count`` requests beside the other callers. Returns their ids."""
    callers = Callers(scene.callers.url, RATE)
    callers.play(itertools.islice(scene.bodies(prefix), count))
    scene.callers.sent += callers.sent
    return {f"{prefix}-{number}" for number in range(count)}


def missing(scene: Scene, ids: Collection[str], clouds: Collection[Cloud]) -> set[str]:
    """Ids that are in no cloud's log after PATIENCE_SECONDS, gathered as ``<model>/predictions`` does."""
    deadline, left = time.monotonic() + PATIENCE_SECONDS, set(ids)
    with TemporaryDirectory() as folder:
        tables, damaged = ParquetTables(address=folder), list[str]()
        while left and time.monotonic() < deadline:
            for cloud in clouds:
                try:
                    gather(tables, scene.stores[cloud], MODEL, damaged)
                except IntermodalError:
                    continue  # it still errs
            for part in tables.partitions(MODEL, PREDICTIONS_STAGE):
                left -= set(tables.read(MODEL, PREDICTIONS_STAGE, part)[LABEL_ID])
            time.sleep(1)
    return left
