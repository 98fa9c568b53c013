"""Which adapters an environment uses, and where each takes its settings from.

``INTERMODAL_ENV`` chooses: sandbox (the default), staging or production. All three use the same adapters: the sandbox
differs only in addresses and credentials, which come from environment variables that are read when a resource is
built, never at import.
"""

import os
from collections.abc import Mapping
from typing import Any

from dagster import EnvVar

from intermodal.platform.errors import SpecError
from intermodal.resources.aws.object_store import S3ObjectStore
from intermodal.resources.aws.targets.sagemaker.figures import CloudWatchMetrics
from intermodal.resources.aws.targets.sagemaker.target import SageMakerTarget
from intermodal.resources.azure.object_store import BlobObjectStore
from intermodal.resources.azure.targets.ml.figures import AzureMonitorMetrics
from intermodal.resources.azure.targets.ml.target import AzureMlTarget
from intermodal.resources.deployment import DeploymentSettings
from intermodal.resources.envoy.gateway import EnvoyGateway
from intermodal.resources.envoy.metrics import EnvoyMetrics
from intermodal.resources.gcp.object_store import GcsObjectStore
from intermodal.resources.gcp.targets.cloud_run.figures import CloudMonitoringMetrics
from intermodal.resources.gcp.targets.cloud_run.target import CloudRunTarget
from intermodal.resources.mlflow.registry import MlflowRegistry
from intermodal.resources.mlflow.run import mlflow_run
from intermodal.resources.notifier import AppriseNotifier
from intermodal.resources.outage_detection import from_environment
from intermodal.resources.prometheus import PrometheusMetrics
from intermodal.resources.pushgateway import Pushgateway
from intermodal.resources.storage.incidents import JsonIncidents
from intermodal.resources.storage.tables import ParquetTables

ENVIRONMENTS = ("sandbox", "staging", "production")


def environment(environ: Mapping[str, str] = os.environ) -> str:
    """The environment's name; SpecError lists the known ones."""
    name = environ.get("INTERMODAL_ENV", "sandbox")
    if name not in ENVIRONMENTS:
        raise SpecError(f"INTERMODAL_ENV is '{name}'.", hint=f"Known environments: {', '.join(ENVIRONMENTS)}.")
    return name


def resources() -> Mapping[str, Any]:
    """Every resource by the key under which assets and sensors ask for it."""
    return {**_shared(), **_watching(), **_aws(), **_gcp(), **_azure()}


def _shared() -> Mapping[str, Any]:
    return {
        "deployment": DeploymentSettings(
            environment=environment(),
            aws_image=EnvVar("INTERMODAL_AWS_IMAGE"),
            gcp_image=EnvVar("INTERMODAL_GCP_IMAGE"),
            azure_image=EnvVar("INTERMODAL_AZURE_IMAGE"),
        ),
        "tables": ParquetTables(address=EnvVar("INTERMODAL_TABLES")),
        "registry": MlflowRegistry(tracking_uri=EnvVar("INTERMODAL_MLFLOW_URL")),
        "mlflow": mlflow_run.configured({"tracking_uri": {"env": "INTERMODAL_MLFLOW_URL"}}),
        "gateway": EnvoyGateway(
            directory=EnvVar("INTERMODAL_GATEWAY_DIRECTORY"),
            url=EnvVar("INTERMODAL_GATEWAY_URL"),
            admin_url=EnvVar("INTERMODAL_GATEWAY_ADMIN_URL"),
            ca_bundle=os.environ.get("INTERMODAL_GATEWAY_CA_BUNDLE", ""),
        ),
    }


def _watching() -> Mapping[str, Any]:
    return {
        "incidents": JsonIncidents(address=EnvVar("INTERMODAL_INCIDENTS")),
        "notifier": AppriseNotifier(),
        "watch": from_environment(),
        "metrics": PrometheusMetrics(url=os.environ.get("INTERMODAL_PROMETHEUS_URL", "")),
        "gateway_metrics": EnvoyMetrics(
            admin_url=EnvVar("INTERMODAL_GATEWAY_ADMIN_URL"), directory=EnvVar("INTERMODAL_GATEWAY_DIRECTORY")
        ),
        "gauges": Pushgateway(url=os.environ.get("INTERMODAL_PUSHGATEWAY_URL", "")),
    }


def _delay(default: float) -> float:
    """How late a cloud's own monitor is, in seconds: its adapter's default, or as the environment says."""
    return float(os.environ.get("INTERMODAL_MONITOR_DELAY_SECONDS", default))


def _aws() -> Mapping[str, Any]:
    region = EnvVar("AWS_REGION")
    return {
        "aws_object_store": S3ObjectStore(
            bucket=EnvVar("INTERMODAL_AWS_BUCKET"), region=region, endpoint=os.environ.get("AWS_ENDPOINT_URL", "")
        ),
        "aws_sagemaker": SageMakerTarget(region=region, role_arn=EnvVar("INTERMODAL_AWS_ROLE_ARN")),
        "aws_metrics": CloudWatchMetrics(region=region, environment=environment(), late_seconds=_delay(120)),
    }


def _gcp() -> Mapping[str, Any]:
    return {
        "gcp_object_store": GcsObjectStore(
            bucket=EnvVar("INTERMODAL_GCP_BUCKET"), endpoint=os.environ.get("INTERMODAL_GCP_STORAGE_ENDPOINT", "")
        ),
        "gcp_cloud_run": CloudRunTarget(
            project=EnvVar("GOOGLE_CLOUD_PROJECT"),
            region=EnvVar("INTERMODAL_GCP_REGION"),
            endpoint=os.environ.get("INTERMODAL_GCP_RUN_ENDPOINT", ""),
        ),
        "gcp_metrics": CloudMonitoringMetrics(
            project=EnvVar("GOOGLE_CLOUD_PROJECT"),
            region=EnvVar("INTERMODAL_GCP_REGION"),
            environment=environment(),
            endpoint=os.environ.get("INTERMODAL_GCP_MONITORING_ENDPOINT", ""),
            run_endpoint=os.environ.get("INTERMODAL_GCP_RUN_ENDPOINT", ""),
            delay_seconds=_delay(240),
        ),
    }


def _azure() -> Mapping[str, Any]:
    management = os.environ.get("INTERMODAL_AZURE_MANAGEMENT_ENDPOINT", "https://management.azure.com")
    return {
        "azure_object_store": BlobObjectStore(
            account=EnvVar("INTERMODAL_AZURE_STORAGE_ACCOUNT"),
            container=EnvVar("INTERMODAL_AZURE_CONTAINER"),
            endpoint=os.environ.get("INTERMODAL_AZURE_STORAGE_ENDPOINT", ""),
        ),
        "azure_ml": AzureMlTarget(
            subscription_id=EnvVar("INTERMODAL_AZURE_SUBSCRIPTION"),
            resource_group=EnvVar("INTERMODAL_AZURE_RESOURCE_GROUP"),
            workspace=EnvVar("INTERMODAL_AZURE_WORKSPACE"),
            region=EnvVar("INTERMODAL_AZURE_REGION"),
            management_endpoint=management,
        ),
        "azure_metrics": AzureMonitorMetrics(
            subscription_id=EnvVar("INTERMODAL_AZURE_SUBSCRIPTION"),
            resource_group=EnvVar("INTERMODAL_AZURE_RESOURCE_GROUP"),
            workspace=EnvVar("INTERMODAL_AZURE_WORKSPACE"),
            environment=environment(),
            management_endpoint=management,
            delay_seconds=_delay(240),
        ),
    }
