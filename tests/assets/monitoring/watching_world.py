"""A deployed model with logged predictions, and runs that observe it."""

import time
from collections.abc import Sequence
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd

from intermodal.platform.monitoring.predictions import part_of
from intermodal.platform.targets import Target, select
from tests.assets.conftest import World
from tests.targets import TARGETS


def log_predictions(
    world: World,
    rows: int,
    shift: float = 0.0,
    only: str = "",
    certain: str = "",
    targets: Sequence[Target] = TARGETS,
) -> None:
    """Predictions as they are gathered: training rows again, moved by ``shift`` standard deviations; those of one
    target, site or cloud only, when it is given. The targets of ``certain`` predict the first class of every row."""
    frame = pd.concat([world.tables.read("wine", "features", f"2020-0{m}-01") for m in (1, 2)])
    frame = frame.drop(columns=["grower", "proline"]).sample(rows, replace=True, random_state=1).reset_index(drop=True)
    numbers = frame.select_dtypes("number")
    names = np.array([str(target) for target in targets])[np.arange(rows) % len(targets)]
    moved = np.full(rows, True) if not only else np.isin(names, list(map(str, select(only, targets))))
    sure = np.isin(names, list(map(str, select(certain, targets))))
    frame[numbers.columns] = numbers + np.outer(moved, shift * numbers.std())
    outputs = np.eye(3)[np.where(sure, 0, np.arange(rows) // len(targets) % 3)]
    now = time.time()
    whole = frame.assign(
        _id=[f"r{number}" for number in range(rows)],
        _row=0,
        _at=now,
        _cloud=[name.split("/")[0] for name in names],
        _target=names,
        _version="1.0.0",
        **{f"prediction_{k}": outputs[:, k] for k in range(3)},
    )
    world.tables.write("wine", "predictions", part_of(now), whole)


def look(world: World, *stages: str) -> dict[str, Any]:
    keys = [dg.AssetKey([world.model, stage]) for stage in stages]
    result = world.run(f"watch_{world.model}", asset_selection=keys)
    assert result.success, [e for e in result.all_events if e.is_failure]
    return world.metadata(stages[-1])


def checked(world: World, stage: str, name: str) -> bool:
    key = dg.AssetCheckKey(dg.AssetKey([world.model, stage]), name)
    records = world.instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
    return bool(records[0].status.value == "SUCCEEDED")


def drill(world: World, **config: Any) -> dg.ExecuteInProcessResult:
    job = world.defs.resolve_job_def("drill_wine")
    run_config = {"ops": {"wine__drill": {"config": {"seconds": 0.3, "rate": 20.0, **config}}}}
    return job.execute_in_process(instance=world.instance, run_config=run_config, raise_on_error=False)
