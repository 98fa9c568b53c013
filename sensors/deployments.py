"""Follow upstream changes and specs to the clouds, and say when that fails: nobody started these runs."""

import dagster as dg

from intermodal.platform import ports
from intermodal.platform.notices import Notice

DEPLOYS = "intermodal/deploys"
"""Tag by which the queue keeps room for failovers (dagster.yaml)."""


def deployments() -> dg.AutomationConditionSensorDefinition:
    return dg.AutomationConditionSensorDefinition(
        "deployments",
        target=dg.AssetSelection.all(),
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=30,
        run_tags={DEPLOYS: "yes"},  # a run may be about several models, so it has no tag `model`
        description="Deploys a new champion once its gates passed, and what a changed spec says: mirrors, endpoints "
        "and route follow.",
    )


@dg.run_failure_sensor(
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=30,
    description="Tells people that a run which the sensor deployments asked for has failed: it is not tried again.",
)
def failed_deployments(context: dg.RunFailureSensorContext, notifier: dg.ResourceParam[ports.Notifier]) -> None:
    run = context.dagster_run
    if run.tags.get(DEPLOYS) != "yes":
        return
    models = sorted({key.path[0] for key in run.asset_selection or ()})
    notifier.tell(
        Notice(
            severity="warning",
            title=f"{', '.join(models)}: what is new was not deployed",
            text=f"{context.failure_event.message} What served goes on. See the run {run.run_id}; deploy_<model> tries "
            "it again.",
            owner="team:platform",
            key=f"deployment-{run.run_id}",
        )
    )
