"""The front door for Dagster: every model's assets, what reacts to them, and the resources of this environment."""

from pathlib import Path

import dagster as dg

from intermodal.resources.environments import resources
from intermodal.sensors import sensors


@dg.definitions
def defs() -> dg.Definitions:
    return dg.Definitions.merge(
        dg.load_from_defs_folder(path_within_project=Path(__file__).resolve().parent),
        dg.Definitions(resources=resources(), sensors=sensors(), executor=dg.in_process_executor),
    )
