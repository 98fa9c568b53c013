"""The highest number that a model's versions were ever given, as a tag of the experiment that their runs belong to.

The experiment outlives a deleted version, a deleted run (also after ``mlflow gc``) and a deleted registered model. Tags
of the registered model and of runs are deleted with them.
"""

from collections.abc import Callable, Iterable
from typing import Any

from intermodal.platform.registry.versioning import SemanticVersion

NEWEST_TAG = "intermodal.newest."
"""Followed by the model's name."""


def newest_number(client: Any, model: str, registered: Iterable[str] = ()) -> str:
    """The highest of the remembered and the ``registered`` numbers, '' if there is none."""
    from mlflow.entities import ViewType

    tag = f"{NEWEST_TAG}{model}"
    found = client.search_experiments(view_type=ViewType.ALL, filter_string=f"tags.`{tag}` != ''")
    numbers = [*(experiment.tags[tag] for experiment in found), *registered]
    return max(numbers, key=SemanticVersion.parse, default="")


def remember(client: Any, model: str, run_id: str, registered: Callable[[], Iterable[str]]) -> None:
    """Remember the highest number. Call it when the version exists.

    MLflow cannot compare and set, so another process may replace a higher number by its own. It then finds the higher
    one among the ``registered``, and sets that.
    """
    experiment = client.get_run(run_id).info.experiment_id
    while newest_number(client, model) != (highest := newest_number(client, model, registered())):
        client.set_experiment_tag(experiment, f"{NEWEST_TAG}{model}", highest)
