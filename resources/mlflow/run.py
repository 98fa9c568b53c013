"""One MLflow run for each Dagster run that trains, tied together by dagster-mlflow."""

from collections.abc import Iterator
from typing import Any

import dagster as dg


@dg.resource(
    config_schema={"tracking_uri": dg.StringSource, "experiment": dg.Field(str, default_value="intermodal")},
    description="dagster-mlflow's resource: starts or finds the MLflow run tagged with this Dagster run's id.",
)
def mlflow_run(context: dg.InitResourceContext) -> Iterator[Any]:
    """Imported when a run needs it: MLflow takes seconds to import, and most processes here never train.

    Its finish hook is not used: it ends the run too early (dagster#21872); the ``model`` asset ends it.
    """
    from dagster_mlflow import mlflow_tracking

    config = {
        "experiment_name": context.resource_config["experiment"],
        "mlflow_tracking_uri": context.resource_config["tracking_uri"],
        # MLflow would write the run's address into the log, with the password of the tracking server's.
        "env": {"MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true"},
        "extra_tags": {},
    }
    tracking: Any = mlflow_tracking.resource_fn
    yield from tracking(context.replace_config(config))
