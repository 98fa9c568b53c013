"""What assets say of a cloud that has an open incident: nothing is deployed there, and the others go on."""

from typing import Any

import dagster as dg

from intermodal.assets import ports
from intermodal.platform.deployment.requests import NOT_DEPLOYED
from intermodal.platform.ports.incidents import Incident
from intermodal.platform.spec import ModelSpec
from intermodal.platform.targets import Cloud


def open_incidents(context: Any, spec: ModelSpec) -> dict[Cloud, Incident]:
    return {one.cloud: one for one in ports.incidents(context).all(spec.name, open_only=True)}


def down(context: Any, spec: ModelSpec) -> frozenset[Cloud]:
    return frozenset(open_incidents(context, spec))


def incident_of(context: Any, spec: ModelSpec, cloud: Cloud) -> Incident | None:
    return open_incidents(context, spec).get(cloud)


def words(incident: Incident) -> str:
    return f"{NOT_DEPLOYED}: {incident.cloud} has an open incident {incident.id}"


def not_deployed(incident: Incident, version: str) -> dg.MaterializeResult[None]:
    """The recovery brings the cloud to whatever version is current then."""
    return dg.MaterializeResult(
        metadata={"state": words(incident), "champion": version},
        data_version=dg.DataVersion(f"{incident.id}-{version}"),
    )


def not_looked_at(incident: Incident) -> dg.AssetCheckResult:
    """Passed, since nothing is there that could be wrong; a failure would keep the version from the other clouds."""
    return dg.AssetCheckResult(passed=True, metadata={"state": f"nothing was checked, {words(incident)}"})
