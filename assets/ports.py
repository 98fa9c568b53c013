"""Access to the ports as Dagster resources: their keys, and typed accessors for ops and sensors that name them."""

from collections.abc import Sequence
from typing import Any, cast

from intermodal.platform import ports

REGISTRY, DEPLOYMENT, GATEWAY, TABLES = "registry", "deployment", "gateway", "tables"
TARGETS, STORES = "targets", "stores"
IMAGES, IMAGE_BUILDER, SIGNER = "images", "image_builder", "signer"
METRICS, GATEWAY_METRICS, GAUGES = "metrics", "gateway_metrics", "gauges"
INCIDENTS, NOTIFICATIONS = "incidents", "notifications"
BILLS, CHARGES = "bills", "charges"
ROLLOUTS = "rollouts"


def targets(context: Any) -> ports.Targets:
    """The adapters of all enabled targets; each is built on first use."""
    return cast(ports.Targets, context.resources.targets)


def stores(context: Any) -> ports.Stores:
    """The object stores of all enabled sites; each is built on first use."""
    return cast(ports.Stores, context.resources.stores)


def images(context: Any) -> ports.Images:
    """The image registries of all enabled sites; each is built on first use."""
    return cast(ports.Images, context.resources.images)


def image_builder(context: Any) -> ports.ImageBuilder:
    return cast(ports.ImageBuilder, context.resources.image_builder)


def signer(context: Any) -> ports.Signer:
    return cast(ports.Signer, context.resources.signer)


def registry(context: Any) -> ports.ModelRegistry:
    return cast(ports.ModelRegistry, context.resources.registry)


def deployment(context: Any) -> ports.Deployment:
    return cast(ports.Deployment, context.resources.deployment)


def gateway(context: Any) -> ports.Gateway:
    return cast(ports.Gateway, context.resources.gateway)


def tables(context: Any) -> ports.Tables:
    return cast(ports.Tables, context.resources.tables)


def bills(context: Any) -> Sequence[ports.Bills]:
    """The sources that the environment names."""
    return cast(Sequence[ports.Bills], context.resources.bills)


def charges(context: Any) -> ports.ChargeStore:
    return cast(ports.ChargeStore, context.resources.charges)


def incidents(context: Any) -> ports.Incidents:
    return cast(ports.Incidents, context.resources.incidents)


def rollouts(context: Any) -> ports.Rollouts:
    return cast(ports.Rollouts, context.resources.rollouts)


def notifications(context: Any) -> ports.Notifications:
    return cast(ports.Notifications, context.resources.notifications)


def gauges(context: Any) -> ports.Gauges:
    return cast(ports.Gauges, context.resources.gauges)


def metrics(context: Any, key: str = METRICS) -> ports.Metrics:
    return cast(ports.Metrics, getattr(context.resources, key))
