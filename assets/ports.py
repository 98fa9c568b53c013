"""The ports of assets that exist once a cloud: Dagster's resource parameters need a fixed name, these have a key."""

from typing import Any, cast

from intermodal.platform import ports
from intermodal.platform.targets import Cloud, Target

REGISTRY, DEPLOYMENT, GATEWAY, TABLES = "registry", "deployment", "gateway", "tables"
METRICS, GATEWAY_METRICS, GAUGES = "metrics", "gateway_metrics", "gauges"
INCIDENTS, NOTIFIER = "incidents", "notifier"


def store_key(cloud: Cloud) -> str:
    """The resource that is the cloud's ObjectStore: ``aws_object_store``."""
    return f"{cloud}_object_store"


def target_key(target: Target) -> str:
    """The resource that is the EndpointTarget: ``aws_sagemaker``."""
    return f"{target.cloud}_{target.kind.replace('-', '_')}"


def registry(context: Any) -> ports.ModelRegistry:
    return cast(ports.ModelRegistry, context.resources.registry)


def deployment(context: Any) -> ports.Deployment:
    return cast(ports.Deployment, context.resources.deployment)


def gateway(context: Any) -> ports.Gateway:
    return cast(ports.Gateway, context.resources.gateway)


def tables(context: Any) -> ports.Tables:
    return cast(ports.Tables, context.resources.tables)


def incidents(context: Any) -> ports.Incidents:
    return cast(ports.Incidents, context.resources.incidents)


def notifier(context: Any) -> ports.Notifier:
    return cast(ports.Notifier, context.resources.notifier)


def gauges(context: Any) -> ports.Gauges:
    return cast(ports.Gauges, context.resources.gauges)


def monitor_key(cloud: Cloud) -> str:
    """The resource that reads the cloud's own monitor, a Metrics: ``aws_metrics``."""
    return f"{cloud}_metrics"


def metrics(context: Any, key: str = METRICS) -> ports.Metrics:
    return cast(ports.Metrics, getattr(context.resources, key))


def store(context: Any, cloud: Cloud) -> ports.ObjectStore:
    return cast(ports.ObjectStore, getattr(context.resources, store_key(cloud)))


def place(context: Any, target: Target) -> ports.EndpointTarget:
    return cast(ports.EndpointTarget, getattr(context.resources, target_key(target)))
