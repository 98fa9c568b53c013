"""The jobs and the schedule of one model."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from intermodal.assets import partitions
from intermodal.assets.keys import key
from intermodal.assets.monitoring.jobs import monitoring_selection
from intermodal.assets.runs import TRAINING_TAG
from intermodal.assets.scoped_job import model_scoped_job
from intermodal.platform.spec import ModelSpec


def jobs(spec: ModelSpec) -> dg.Definitions:
    """``train_<model>``, ``deploy_<model>``, ``train_and_deploy_<model>`` and ``data_<model>``. The schedule runs the
    last of them when a partition of time is complete; for months, on the second day of the next one.

    The executor in ``definitions.py`` runs each job in one process: on one machine, starting a process for a step takes
    longer than most steps (docs/adr/0005).
    """
    deployed = dg.AssetSelection.groups(spec.name) - monitoring_selection(spec)
    rows = dg.AssetSelection.assets(key(spec, "dataset"), key(spec, "features"))
    training = rows | dg.AssetSelection.assets(key(spec, "model"), key(spec, "version"))
    data = _job(spec, "data", rows)
    deploy = _job(spec, "deploy", deployed - training, {"model": spec.name})
    return dg.Definitions(
        jobs=[data, deploy, _job(spec, "train", training), _job(spec, "train_and_deploy", deployed)],
        schedules=partitions.schedule(spec, data),
    )


def _job(spec: ModelSpec, verb: str, selection: dg.AssetSelection, tags: Mapping[str, str] | None = None) -> Any:
    """``tags`` are by default those of a run that calls the model's own functions."""
    return model_scoped_job(
        f"{verb}_{spec.name}",
        spec.name,
        selection=selection,
        description=f"{verb.replace('_', ' ').capitalize()} for {spec.name}.",
        tags=tags or {"model": spec.name, TRAINING_TAG: spec.name},
    )
