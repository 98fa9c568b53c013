"""Follow upstream changes to the clouds: evaluates the automation conditions of what promotes and deploys."""

import dagster as dg


def deployments() -> dg.AutomationConditionSensorDefinition:
    return dg.AutomationConditionSensorDefinition(
        "deployments",
        target=dg.AssetSelection.all(),
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=30,
        description="Deploys a new champion: mirrors, endpoints and route follow it once its gates passed.",
    )
