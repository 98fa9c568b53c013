"""Every import of a private module of Dagster, in one file.

Dagster may move or change them in any release: ``tests/assets/test_dagster_internals.py`` pins the version and says
what to check before it is raised. The public interface has neither a way to resolve a job among some of the assets
(scoped_job.py, docs/adr/0023) nor one to read ticks inside a sensor without a web server (sensors/toolkit/instigators).
"""

from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    ScheduleInstigatorData,
    SensorInstigatorData,
    TickStatus,
)
from dagster._utils.schedules import schedule_execution_time_iterator

__all__ = [
    "AssetGraph",
    "InstigatorState",
    "InstigatorStatus",
    "InstigatorType",
    "ScheduleInstigatorData",
    "SensorInstigatorData",
    "TickStatus",
    "UnresolvedAssetJobDefinition",
    "schedule_execution_time_iterator",
]
