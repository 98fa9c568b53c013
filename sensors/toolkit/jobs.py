"""What a sensor may request: Dagster needs the jobs themselves, and these are made by the models' components."""

from collections.abc import Iterable, Sequence
from typing import Any

JobDefinitions = Sequence[Any]


def jobs_of(jobs: Iterable[Any], *verbs: str) -> JobDefinitions | None:
    """The jobs named ``<verb>_<model>``; None when there are none, which Dagster takes for no target."""
    return [job for job in jobs if job.name.startswith(tuple(f"{verb}_" for verb in verbs))] or None
