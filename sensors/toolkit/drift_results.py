"""The newest drift decision of each model, read from the tables when its drift was measured again.

Asset records only say which models were measured since: what was decided is the typed value that the asset ``drift``
stored (platform/monitoring/drift_result.py), and not what the UI displays of it.
"""

from collections.abc import Mapping
from functools import partial

from intermodal.platform.monitoring.drift_result import DriftResult, latest_drift
from intermodal.platform.ports import Tables
from intermodal.sensors.toolkit.concurrency import Answers, gather_with_timeout, round_robin

READING_SECONDS = 0.4
"""How long a tick waits for the tables."""


class DriftResults:
    """Lives as long as the process that ticks, so that a tick reads only what is new."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, DriftResult | None]] = {}

    def read(self, tables: Tables, made: Mapping[str, float], now: float) -> Answers[DriftResult]:
        """The newest result of each model whose drift was ``made`` (Unix seconds of its newest materialization).

        What had no answer in time fails; it is kept when it arrives, and the next tick has it. A model without a result
        is in neither: its asset was marked as materialized by hand, or another release wrote it.
        """

        def read_one(name: str) -> None:
            self._known[name] = (made[name], latest_drift(tables, name))

        new = [name for name in sorted(made) if name not in self._known or self._known[name][0] != made[name]]
        calls = {name: partial(read_one, name) for name in round_robin(new, now)}
        failed = gather_with_timeout(calls, READING_SECONDS).failed if calls else {}
        read = {name: self._known[name][1] for name in made if name not in failed}
        return Answers({name: result for name, result in read.items() if result is not None}, failed)
