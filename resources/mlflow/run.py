"""One MLflow run for each Dagster run that trains, connected by dagster-mlflow."""

from collections.abc import Iterator
from typing import Any

import dagster as dg


@dg.resource(
    config_schema={"tracking_uri": dg.StringSource, "experiment": dg.Field(str, default_value="intermodal")},
    description="dagster-mlflow's resource: starts or finds the MLflow run tagged with this Dagster run's id.",
)
def mlflow_run(context: dg.InitResourceContext) -> Iterator[Any]:
    """The MLflow run of this Dagster run. MLflow takes seconds to import, so it is imported when a run needs it.

    The finish hook of dagster-mlflow ends the run too early (dagster#21872): the ``model`` asset ends it instead.
    """
    from dagster_mlflow import mlflow_tracking

    config = {
        "experiment_name": context.resource_config["experiment"],
        "mlflow_tracking_uri": context.resource_config["tracking_uri"],
        # Otherwise MLflow logs the run's address with the tracking server's password.
        "env": {"MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true"},
        "extra_tags": {},
    }
    tracking: Any = mlflow_tracking.resource_fn
    yield from tracking(context.replace_config(config))
