"""The front door for Dagster: every model's assets, what reacts to them, and the resources of this environment."""

import gc
from pathlib import Path

import dagster as dg
import mlflow  # noqa: F401  # whole, before sensors side by side ask for parts of it: half of it is never mended

from intermodal.assets.deployment.withdraw import withdraw
from intermodal.resources.environment import resources
from intermodal.sensors import sensors
from intermodal.sensors.toolkit.jobs import jobs_of

# Definitions are made to stay: looking through all of them for garbage every 700 objects is wasted.
gc.set_threshold(50_000, 20, 20)


def load(project: Path) -> dg.Definitions:
    """The models of the project that ``project`` lies in, and what is one for all of them."""
    models = dg.load_from_defs_folder(path_within_project=project)
    jobs = list(models.jobs or ())
    served = {job.name.removeprefix("deploy_") for job in jobs_of(jobs, "deploy") or ()}
    return dg.Definitions.merge(
        models,
        dg.Definitions(
            jobs=[withdraw(served)],
            resources=resources(),
            sensors=sensors(jobs),
            executor=dg.in_process_executor,
        ),
    )


@dg.definitions
def defs() -> dg.Definitions:
    return load(Path(__file__).resolve().parent)
