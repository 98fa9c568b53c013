"""What reacts."""

import dagster as dg

from intermodal.sensors.credentials import gateway_credentials
from intermodal.sensors.deployments import deployments


def sensors() -> list[dg.SensorDefinition]:
    """Every sensor of the platform."""
    return [deployments(), gateway_credentials]
