"""Settings of Google Cloud at one site. Credentials are Application Default Credentials."""

from typing import ClassVar

from pydantic import Field

from intermodal.resources.settings import REGIONAL, SiteSettings


class GcpSettings(SiteSettings):
    cloud: ClassVar[str] = "gcp"
    project: str = Field(validation_alias="GOOGLE_CLOUD_PROJECT", description="The project's id.")
    region: str = Field(
        validation_alias="INTERMODAL_GCP_REGION", description="The default region, for example us-central1."
    )
    bucket: str = Field(
        validation_alias="INTERMODAL_GCP_BUCKET",
        description="The Cloud Storage bucket for mirrors and prediction logs.",
        json_schema_extra=REGIONAL,
    )
    storage_endpoint: str = Field(
        default="",
        validation_alias="INTERMODAL_GCP_STORAGE_ENDPOINT",
        description="The address of the storage API; empty: Google's own.",
    )
    run_endpoint: str = Field(
        default="",
        validation_alias="INTERMODAL_GCP_RUN_ENDPOINT",
        description="The address of the Cloud Run Admin API; empty: Google's own.",
    )
    vertex_endpoint: str = Field(
        default="",
        validation_alias="INTERMODAL_GCP_VERTEX_ENDPOINT",
        description="The address of the Vertex AI API; empty: Google's own in the region.",
    )
    vertex_prediction_address: str = Field(
        default="https://{dns}",
        validation_alias="INTERMODAL_GCP_VERTEX_PREDICTION_ADDRESS",
        description="Where Vertex AI endpoints answer; {dns} stands for the endpoint's dedicated domain.",
    )
    vertex_service_account: str = Field(
        default="",
        validation_alias="INTERMODAL_GCP_VERTEX_SERVICE_ACCOUNT",
        description="The service account of containers on Vertex AI. The prediction log needs one that writes to the "
        "bucket; empty: Google's own, which cannot.",
    )
    monitoring_endpoint: str = Field(
        default="",
        validation_alias="INTERMODAL_GCP_MONITORING_ENDPOINT",
        description="The address of the Cloud Monitoring API; empty: Google's own.",
    )
    registry: str = Field(
        default="",
        validation_alias="INTERMODAL_GCP_REGISTRY",
        description="Where images are pushed: <region>-docker.pkg.dev/<project>/<repository>.",
        json_schema_extra=REGIONAL,
    )
    gke_cluster: str = Field(
        default="",
        validation_alias="INTERMODAL_GCP_GKE_CLUSTER",
        description="The GKE cluster of `gcp/gke`, by its name. Empty: there is no such target.",
        json_schema_extra=REGIONAL,
    )
    gke_location: str = Field(
        default="",
        validation_alias="INTERMODAL_GCP_GKE_LOCATION",
        description="The zone of a cluster of one zone; empty: the cluster is the region's.",
        json_schema_extra=REGIONAL,
    )
    gke_gateway_cidrs: str = Field(
        default="",
        validation_alias="INTERMODAL_GCP_GKE_GATEWAY_CIDRS",
        description="Networks from which the gateway and Intermodal call endpoints on `gcp/gke`: 10.0.0.0/24. Every "
        "other caller is kept out.",
        json_schema_extra=REGIONAL,
    )
    gke_namespace: str = Field(
        default="intermodal",
        validation_alias="INTERMODAL_GCP_GKE_NAMESPACE",
        description="The namespace of the endpoints on `gcp/gke`. It must exist.",
    )
    gke_service_account: str = Field(
        default="",
        validation_alias="INTERMODAL_GCP_GKE_SERVICE_ACCOUNT",
        description="The Kubernetes service account of the servers on `gcp/gke`, which may read the bucket by Workload "
        "Identity Federation; empty: the namespace's own.",
    )
    gke_endpoint: str = Field(
        default="",
        validation_alias="INTERMODAL_GCP_GKE_ENDPOINT",
        description="The address of the GKE API; empty: Google's own.",
    )
    monitor_delay_seconds: float = Field(
        default=240,
        validation_alias="INTERMODAL_MONITOR_DELAY_SECONDS",
        description="Delay of Cloud Monitoring, in seconds.",
    )
