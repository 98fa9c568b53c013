"""The entry point for Dagster: the assets of every model, the sensors that react to them, and the resources."""

import gc
import os
from pathlib import Path

import dagster as dg
import mlflow  # noqa: F401  # whole, before sensors side by side import parts of it: a half-imported one stays broken

from intermodal.assets.broken import broken_names
from intermodal.assets.cost.charges import charges
from intermodal.assets.deployment.withdraw import withdraw
from intermodal.assets.loading import load_models
from intermodal.resources.bills.sources import BILLS_VARIABLE
from intermodal.resources.environment import resources
from intermodal.sensors import sensors
from intermodal.sensors.toolkit.jobs import jobs_of

__all__ = ["defs", "load", "load_models", "with_platform"]
# Definitions are made to stay: a garbage collection every 700 objects finds nothing.
gc.set_threshold(50_000, 20, 20)


def with_platform(models: dg.Definitions) -> dg.Definitions:
    """Add to a project's definitions what its Intermodal models need: resources, sensors, the job ``withdraw``
    and, where the environment names sources of bills, the asset ``charges``.

    For a Dagster project that has models of type ``intermodal.assets.Model`` among its own assets, loaded by
    ``load_models``. Resources of the same key that the project defines are kept, and so is its executor.
    """
    own = dict(models.resources or {})
    jobs = list(models.jobs or ())
    served = {job.name.removeprefix("deploy_") for job in jobs_of(jobs, "deploy") or ()} | broken_names(models)
    needed = {key: value for key, value in resources().items() if key not in own}
    money = [charges] if os.environ.get(BILLS_VARIABLE) else []
    return dg.Definitions.merge(
        models, dg.Definitions(assets=money, jobs=[withdraw(served)], resources=needed, sensors=sensors(jobs))
    )


def load(project: Path) -> dg.Definitions:
    """The models of the project that ``project`` lies in, with all that they need."""
    return dg.Definitions.merge(with_platform(load_models(project)), dg.Definitions(executor=dg.in_process_executor))


@dg.definitions
def defs() -> dg.Definitions:
    return load(Path(__file__).resolve().parent)
