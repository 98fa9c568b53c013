"""Follow upstream changes to the clouds: evaluates the automation conditions of what promotes and deploys."""

import dagster as dg

DEPLOYS = "intermodal/deploys"
"""Tag by which the queue keeps room for failovers (dagster.yaml)."""


def deployments() -> dg.AutomationConditionSensorDefinition:
    return dg.AutomationConditionSensorDefinition(
        "deployments",
        target=dg.AssetSelection.all(),
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=30,
        run_tags={DEPLOYS: "yes"},  # a run may be about several models, so it has no tag `model`
        description="Deploys a new champion: mirrors, endpoints and route follow it once its gates passed.",
    )
