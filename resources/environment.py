"""Which adapters an environment uses, and where each takes its settings from.

``INTERMODAL_ENV`` chooses: sandbox (the default), staging or production. All three use the same adapters: the sandbox
differs only in addresses and credentials, which come from environment variables that are read when a resource is
built, never at import. Targets and object stores come from the catalogue (platform/catalogue.py).
"""

import os
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from dagster import EnvVar, ResourceDefinition

from intermodal.platform.catalogue import SETTINGS_PAGE
from intermodal.platform.errors import SpecError
from intermodal.resources.adapters import CatalogueImages, CatalogueStores, CatalogueTargets
from intermodal.resources.bills.sources import sources
from intermodal.resources.cost.store import ChargeStore
from intermodal.resources.deployment import DeploymentSettings
from intermodal.resources.envoy.gateway import EnvoyGateway
from intermodal.resources.envoy.metrics import EnvoyMetrics
from intermodal.resources.image_build.builder import LocalImageBuilder
from intermodal.resources.mlflow.registry import MlflowRegistry
from intermodal.resources.mlflow.run import mlflow_run
from intermodal.resources.notifier import AppriseNotifier
from intermodal.resources.outage_detection import from_environment
from intermodal.resources.package_server import LocalPackageServer
from intermodal.resources.prometheus import PrometheusMetrics
from intermodal.resources.pushgateway import Pushgateway
from intermodal.resources.requirements import UvLocker
from intermodal.resources.settings import environment
from intermodal.resources.signing import PemSigner
from intermodal.resources.storage.incidents import JsonIncidents
from intermodal.resources.storage.notification_log import NotificationLog
from intermodal.resources.storage.rollouts import JsonRollouts
from intermodal.resources.storage.tables import ParquetTables


def resources() -> Mapping[str, Any]:
    """Every resource by the key under which assets and sensors ask for it."""
    return {**_shared(), **_watching()}


def _shared() -> Mapping[str, Any]:
    return {
        "deployment": DeploymentSettings(environment=environment()),
        "targets": CatalogueTargets(),
        "stores": CatalogueStores(),
        "images": CatalogueImages(),
        "image_builder": LocalImageBuilder(),
        "tables": ParquetTables(address=EnvVar("INTERMODAL_TABLES")),
        "bills": ResourceDefinition(lambda _: sources()),
        "charges": _from_environment(ChargeStore, address="INTERMODAL_CHARGES"),
        "registry": MlflowRegistry(tracking_uri=EnvVar("INTERMODAL_MLFLOW_URL")),
        "mlflow": mlflow_run.configured({"tracking_uri": {"env": "INTERMODAL_MLFLOW_URL"}}),
        "package_server": LocalPackageServer(),
        "signer": PemSigner(),
        "locker": UvLocker(),
        "gateway": _from_environment(
            EnvoyGateway,
            directory="INTERMODAL_GATEWAY_DIRECTORY",
            url="INTERMODAL_GATEWAY_URL",
            admin_url="INTERMODAL_GATEWAY_ADMIN_URL",
            optional={"ca_bundle": "INTERMODAL_GATEWAY_CA_BUNDLE"},
        ),
    }


def _watching() -> Mapping[str, Any]:
    return {
        "incidents": _from_environment(JsonIncidents, address="INTERMODAL_INCIDENTS"),
        "rollouts": _from_environment(JsonRollouts, address="INTERMODAL_INCIDENTS"),
        "notifications": NotificationLog(address=EnvVar("INTERMODAL_INCIDENTS"), notifier=AppriseNotifier()),
        "watch": from_environment(),
        "metrics": PrometheusMetrics(url=os.environ.get("INTERMODAL_PROMETHEUS_URL", "")),
        "gateway_metrics": EnvoyMetrics(
            admin_url=EnvVar("INTERMODAL_GATEWAY_ADMIN_URL"), directory=EnvVar("INTERMODAL_GATEWAY_DIRECTORY")
        ),
        "gauges": Pushgateway(url=os.environ.get("INTERMODAL_PUSHGATEWAY_URL", "")),
    }


def _from_environment(
    adapter: Callable[..., Any], optional: Mapping[str, str] = MappingProxyType({}), **variables: str
) -> ResourceDefinition:
    """Field → variable, read when a run or a tick needs the adapter; SpecError names those that are not set."""

    def build(_: object) -> Any:
        if missing := [name for name in variables.values() if not os.environ.get(name)]:
            raise SpecError(f"Not set in the environment: {', '.join(missing)}.", hint=f"See {SETTINGS_PAGE}.")
        given = {field: os.environ[name] for field, name in variables.items()}
        return adapter(**given, **{field: os.environ.get(name, "") for field, name in optional.items()})

    return ResourceDefinition(build)
