"""What assets report for a target with an open incident: nothing is deployed there. Other targets are unaffected."""

from typing import Any

import dagster as dg

from intermodal.assets import ports
from intermodal.platform.deployment.requests import NOT_DEPLOYED
from intermodal.platform.ports.incidents import Incident
from intermodal.platform.spec import ModelSpec
from intermodal.platform.targets import Site, Target


def open_incidents(context: Any, spec: ModelSpec) -> dict[Target, Incident]:
    return {incident.target: incident for incident in ports.incidents(context).all(spec.name, open_only=True)}


def unavailable_targets(context: Any, spec: ModelSpec) -> frozenset[Target]:
    return frozenset(open_incidents(context, spec))


def incident_of(context: Any, spec: ModelSpec, target: Target) -> Incident | None:
    return open_incidents(context, spec).get(target)


def incident_of_site(context: Any, spec: ModelSpec, site: Site) -> Incident | None:
    """An open incident of the site, if every target of it has one. Only then does nothing there need the mirror."""
    known = open_incidents(context, spec)
    targets = [target for target in spec.targets if target.site == site]
    return known[targets[0]] if targets and all(target in known for target in targets) else None


def describe(incident: Incident) -> str:
    return f"{NOT_DEPLOYED}: {incident.target} has an open incident {incident.id}"


def not_deployed(incident: Incident, version: str) -> dg.MaterializeResult[None]:
    """The result of a skipped deployment. The recovery later deploys the version that is current then."""
    return dg.MaterializeResult(
        metadata={"state": describe(incident), "champion": version},
        data_version=dg.DataVersion(f"{incident.id}-{version}"),
    )


def skipped_check(incident: Incident) -> dg.AssetCheckResult:
    """A passed result: nothing was deployed that could be wrong, and a failure would block the other targets."""
    return dg.AssetCheckResult(passed=True, metadata={"state": f"nothing was checked, {describe(incident)}"})
