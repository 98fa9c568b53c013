"""The jobs and the schedule of one model."""

from typing import Any

import dagster as dg

from intermodal.assets.keys import key
from intermodal.assets.monitoring.jobs import apart
from intermodal.assets.scoped_job import own_job
from intermodal.platform.spec import ModelSpec


def jobs(spec: ModelSpec) -> dg.Definitions:
    """``train_<model>``, ``deploy_<model>``, ``train_and_deploy_<model>`` and ``data_<model>``, which the schedule runs
    on the second day of a month, when the month before is complete.

    Each is one process, by the executor in ``definitions.py``: on one machine a process a step costs more than most
    steps (docs/adr/0005).
    """
    everything = dg.AssetSelection.groups(spec.name) - apart(spec)
    rows = dg.AssetSelection.assets(key(spec, "dataset"), key(spec, "features"))
    training = rows | dg.AssetSelection.assets(key(spec, "model"), key(spec, "version"))
    data = _job(spec, "data", rows)
    monthly = dg.build_schedule_from_partitioned_job(
        data,
        name=f"monthly_data_{spec.name}",
        day_of_month=2,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"The finished month's rows and features for {spec.name}.",
    )
    rest = {"train": training, "deploy": everything - training, "train_and_deploy": everything}
    return dg.Definitions(
        jobs=[data, *(_job(spec, verb, selection) for verb, selection in rest.items())], schedules=[monthly]
    )


def _job(spec: ModelSpec, verb: str, selection: dg.AssetSelection) -> Any:
    return own_job(
        f"{verb}_{spec.name}",
        spec.name,
        selection=selection,
        description=f"{verb.replace('_', ' ').capitalize()} for {spec.name}.",
        tags={"model": spec.name},
    )
