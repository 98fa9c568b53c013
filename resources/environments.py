"""Which adapters an environment uses, and where each takes its settings from.

``INTERMODAL_ENV`` chooses: sandbox (the default), staging or production. All three use the same adapters: the sandbox
differs only in addresses and credentials, which come from environment variables that are read when a resource is
built, never at import.
"""

import os
from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster import EnvVar

from intermodal.platform.errors import SpecError
from intermodal.resources.aws.endpoints.sagemaker import SageMakerTarget
from intermodal.resources.aws.object_store import S3ObjectStore
from intermodal.resources.azure.endpoints.ml import AzureMlTarget
from intermodal.resources.azure.object_store import BlobObjectStore
from intermodal.resources.deployment import DeploymentSettings
from intermodal.resources.gateway import EnvoyGateway
from intermodal.resources.gcp.endpoints.cloud_run import CloudRunTarget
from intermodal.resources.gcp.object_store import GcsObjectStore
from intermodal.resources.mlflow import MlflowRegistry
from intermodal.resources.mlflow_run import mlflow_run
from intermodal.resources.tables import ParquetTables

ENVIRONMENTS = ("sandbox", "staging", "production")


def environment(environ: Mapping[str, str] = os.environ) -> str:
    """The environment's name; SpecError lists the known ones."""
    name = environ.get("INTERMODAL_ENV", "sandbox")
    if name not in ENVIRONMENTS:
        raise SpecError(f"INTERMODAL_ENV is '{name}'.", hint=f"Known environments: {', '.join(ENVIRONMENTS)}.")
    return name


def resources() -> Mapping[str, Any]:
    """Every resource by the key under which assets and sensors ask for it."""
    mlflow_url = EnvVar("INTERMODAL_MLFLOW_URL")
    return {
        "deployment": DeploymentSettings(
            environment=environment(),
            aws_image=EnvVar("INTERMODAL_AWS_IMAGE"),
            gcp_image=EnvVar("INTERMODAL_GCP_IMAGE"),
            azure_image=EnvVar("INTERMODAL_AZURE_IMAGE"),
        ),
        "tables": ParquetTables(address=EnvVar("INTERMODAL_TABLES")),
        "registry": MlflowRegistry(tracking_uri=mlflow_url),
        "mlflow": mlflow_run.configured({"tracking_uri": {"env": "INTERMODAL_MLFLOW_URL"}}),
    }
