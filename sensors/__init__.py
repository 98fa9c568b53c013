"""What reacts."""

from collections.abc import Iterable
from typing import Any

import dagster as dg

from intermodal.sensors.broken_models import broken_model_notices
from intermodal.sensors.credentials import gateway_credentials
from intermodal.sensors.deployments import deployments
from intermodal.sensors.drift import drift
from intermodal.sensors.drills import drills
from intermodal.sensors.heartbeat import heartbeat
from intermodal.sensors.orphans import orphans
from intermodal.sensors.outage import outage
from intermodal.sensors.rollouts import rollouts
from intermodal.sensors.staleness import staleness
from intermodal.sensors.toolkit.jobs import jobs_of
from intermodal.sensors.traffic import traffic


def sensors(jobs: Iterable[Any]) -> list[dg.SensorDefinition]:
    """Every sensor of the platform. ``jobs`` are those of all models: Dagster wants to know what may be requested."""
    known = list(jobs)
    return [
        deployments(jobs_of(known, "deploy")),
        rollouts(jobs_of(known, "rollout")),
        gateway_credentials,
        outage(jobs_of(known, "failover", "recover") or []),
        traffic(jobs_of(known, "watch")),
        drift(jobs_of(known, "retrain")),
        staleness,
        heartbeat,
        orphans,
        drills,
        broken_model_notices,
    ]
