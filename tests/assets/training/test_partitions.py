"""Models whose rows are divided by time, by a list of keys, or by keys that are added while they run."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from intermodal.assets.jobs import jobs
from intermodal.assets.training import dataset, model
from intermodal.platform.ports.registry import TrainingRecord
from intermodal.platform.spec import Data, ModelSpec
from intermodal.platform.spec.partitions import Partitions
from intermodal.resources.storage.tables import ParquetTables
from tests.assets.conftest import FakeMlflow
from tests.assets.training.team_functions import GOOD, SPEC, Steps
from tests.assets.training.team_functions import data as rows
from tests.memory import MemoryLocker, MemoryPackageServer, MemoryRegistry


def _spec(**kind: Any) -> ModelSpec:
    return SPEC.model_copy(update={"data": Data(function="team.data", partitions=Partitions.model_validate(kind))})


class Parts:
    """Runs dataset, features and model of a range of partitions, with tables in files. ``given`` has the keys that the
    data function got."""

    def __init__(self, folder: Path, spec: ModelSpec, instance: dg.DagsterInstance) -> None:
        self.spec, self.instance, self.given = spec, instance, list[str]()
        self.tables, self.registry = ParquetTables(address=str(folder / "tables")), MemoryRegistry(folder)

    def load(self, key: str) -> pd.DataFrame:
        self.given.append(key)
        return rows("2020-01-01").assign(key=lambda table: [f"{key}-{row}" for row in range(len(table))])

    def run(self, first: str, last: str) -> dg.ExecuteInProcessResult:
        functions = replace(GOOD, load=self.load)
        resources = {
            "tables": self.tables,
            "registry": self.registry,
            "package_server": MemoryPackageServer(),
            "locker": MemoryLocker(),
            "mlflow": FakeMlflow(),
        }
        assets = [
            dataset.dataset(self.spec, functions),
            dataset.features(self.spec, functions),
            model.model(self.spec, functions),
        ]
        tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
        return dg.materialize(assets, resources=resources, tags=tags, instance=self.instance, raise_on_error=False)

    @property
    def record(self) -> TrainingRecord:
        return self.registry.candidate(self.spec.name).record


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def test_static_partitions_are_trained_on_in_the_listed_order(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    parts = Parts(tmp_path, _spec(static=["zurich", "../bern", "a/b:c"]), instance)
    assert parts.run("zurich", "a/b:c").success
    assert parts.given == ["zurich", "../bern", "a/b:c"]
    assert (set(parts.record.partitions), parts.record.holdout) == ({"zurich", "../bern"}, "a/b:c")
    folders = {path.parent.name for path in tmp_path.rglob("*.parquet")}
    assert folders == {"dataset", "features"}


def test_dynamic_partitions_are_trained_on_in_the_order_of_adding(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    parts = Parts(tmp_path, _spec(dynamic=True), instance)
    instance.add_dynamic_partitions(parts.spec.name, ["second", "10", "9"])
    assert parts.run("second", "9").success
    assert (set(parts.record.partitions), parts.record.holdout) == ({"second", "10"}, "9")
    instance.add_dynamic_partitions(parts.spec.name, ["1"])
    assert parts.run("1", "1").success
    assert (set(parts.record.partitions), parts.record.holdout) == ({"10", "9"}, "1")


def test_dynamic_partitions_too_few_say_what_lacks(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    parts = Parts(tmp_path, _spec(dynamic=True), instance)
    instance.add_dynamic_partitions(parts.spec.name, ["x", "y"])
    result = parts.run("x", "y")
    event = next(event for event in result.all_events if event.is_step_failure)
    assert "Training needs 2 partitions" in event.step_failure_data.error.to_string()  # type: ignore[union-attr]


def test_hourly_partitions_give_the_function_dagsters_key(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    parts = Parts(tmp_path, _spec(hourly={"start": "2024-02-29-22:00", "end": "2024-03-01-00:00"}), instance)
    assert parts.run("2024-02-29-22:00", "2024-03-01-00:00").success
    assert parts.given == ["2024-02-29-22:00", "2024-02-29-23:00", "2024-03-01-00:00"]
    assert parts.record.holdout == "2024-03-01-00:00"


@pytest.mark.parametrize(
    ("kind", "start", "name", "moment", "due"),
    [
        ("hourly", "2024-01-01-00:00", "hourly_data_trains", datetime(2024, 3, 1, 0, 15), "2024-02-29-23:00"),
        ("daily", "2024-01-01", "daily_data_trains", datetime(2024, 3, 1, 6), "2024-02-29"),
        ("weekly", "2024-01-01", "weekly_data_trains", datetime(2024, 3, 5), "2024-02-26"),
        ("monthly", "2024-01", "monthly_data_trains", datetime(2024, 3, 2), "2024-02-01"),
    ],
)
def test_schedule_makes_the_partition_that_has_ended(
    kind: str, start: str, name: str, moment: datetime, due: str
) -> None:
    spec = _spec(**{kind: {"start": start}})
    defs = dg.Definitions.merge(
        dg.Definitions(assets=[dataset.dataset(spec, GOOD), dataset.features(spec, GOOD)],
                       resources={"tables": ParquetTables(address="unused")}),
        dg.Definitions(schedules=jobs(spec).schedules),
    )  # fmt: skip
    schedule = defs.resolve_schedule_def(name)
    moment = moment.replace(tzinfo=UTC)
    with dg.build_schedule_context(
        scheduled_execution_time=moment, repository_def=defs.get_repository_def()
    ) as context:
        (request,) = schedule.evaluate_tick(context).run_requests or ()
    assert request.partition_key == due
    assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING


@pytest.mark.parametrize("kind", [{"static": ["a", "b", "c"]}, {"dynamic": True}])
def test_keys_that_follow_no_clock_have_no_schedule(kind: dict[str, Any]) -> None:
    assert not list(jobs(_spec(**kind)).schedules or ())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda table: table[:0], "returned no rows"),
        (lambda table: table.slice(0, 0) if isinstance(table, pa.Table) else pa.table(table).slice(0, 0), "no rows"),
        (lambda table: pa.table(table)["key"], "no table"),
    ],
)
def test_table_of_arrow_that_lacks_rows_is_refused(tmp_path: Path, change: Callable[[Any], Any], words: str) -> None:
    assert words in str(Steps(tmp_path).error(load=lambda month: change(rows(month))))


def test_column_with_one_value_is_a_finding(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    parts = Parts(tmp_path, _spec(static=["a", "b", "c"]), instance)
    plain = parts.load
    parts.load = lambda key: plain(key).assign(size=np.float64(3))  # type: ignore[method-assign]
    assert parts.run("a", "c").success
    assert any("'size' has the same value in every row" in finding for finding in parts.record.findings)
