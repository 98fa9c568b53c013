"""The front door for Dagster: every model's assets, what reacts to them, and the resources of this environment."""

from pathlib import Path

import dagster as dg
import mlflow  # noqa: F401  # whole, before sensors side by side ask for parts of it: half of it is never mended

from intermodal.resources.environments import resources
from intermodal.sensors import sensors


@dg.definitions
def defs() -> dg.Definitions:
    models = dg.load_from_defs_folder(path_within_project=Path(__file__).resolve().parent)
    return dg.Definitions.merge(
        models,
        dg.Definitions(resources=resources(), sensors=sensors(models.jobs or ()), executor=dg.in_process_executor),
    )
