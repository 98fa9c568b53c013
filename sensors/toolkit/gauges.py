"""Numbers that alerts and dashboards compare with: each model's objectives and budget, and its open incidents."""

from collections.abc import Collection, Mapping, Sequence

import dagster as dg

from intermodal.platform.ports.incidents import Incident
from intermodal.platform.spec import ModelSpec
from intermodal.sensors.toolkit.instigators import location_of

Gauge = tuple[str, Mapping[str, str], float]


def group_of(context: dg.SensorEvaluationContext, name: str) -> str:
    """The group that a sensor pushes, one for each code location: a push replaces a whole group, so that two locations
    with one would erase each other's gauges."""
    location = location_of(context)
    return f"{name}-{location}" if location else name


def objectives(specs: Collection[ModelSpec]) -> list[Gauge]:
    """p95 in seconds, availability as a share (0 to 1), and the month's budget in dollars where there is one."""
    found: list[Gauge] = []
    for spec in specs:
        labels = {"model": spec.name}
        found.append(("intermodal_objective_p95_seconds", labels, spec.objectives.p95_ms / 1000))
        found.append(("intermodal_objective_availability", labels, spec.objectives.availability / 100))
        if spec.budget is not None:
            found.append(("intermodal_budget_usd", labels, spec.budget.usd_per_month))
    return found


def incidents(specs: Collection[ModelSpec], opened: Sequence[Incident]) -> list[Gauge]:
    """1 for a model's target with an open incident, 0 for its others."""
    unavailable = {(incident.model, incident.target) for incident in opened}
    served = {(spec.name, target) for spec in specs for target in spec.targets}
    return [
        (
            "intermodal_incident_open",
            {"model": model, "target": str(target), "cloud": target.cloud},
            float((model, target) in unavailable),
        )
        for model, target in sorted(served | unavailable)
    ]


def own_incidents(
    context: dg.SensorEvaluationContext, specs: Collection[ModelSpec], opened: Sequence[Incident]
) -> list[Incident]:
    """Those of this code location's models. Incidents of all locations are in one store, and an incident that two
    locations pushed would be two series, so two alerts."""
    own = {spec.name for spec in specs}
    return [incident for incident in opened if location_of(context) is None or incident.model in own]
