"""A cluster of Google Kubernetes Engine as a target (``gcp/gke``)."""

from typing import Any, ClassVar, Self

from pydantic import Field

from intermodal.platform.targets import Target
from intermodal.resources.gcp import identity
from intermodal.resources.gcp.settings import GcpSettings
from intermodal.resources.gcp.targets.gke import cluster
from intermodal.resources.kubernetes.managed import configuration
from intermodal.resources.kubernetes.manifests.options import Options
from intermodal.resources.kubernetes.networks import networks
from intermodal.resources.kubernetes.target import KubernetesTarget
from intermodal.resources.settings import regional_variable

CLUSTER, GATEWAY_CIDRS = "INTERMODAL_GCP_GKE_CLUSTER", "INTERMODAL_GCP_GKE_GATEWAY_CIDRS"
INTERNAL = {"networking.gke.io/load-balancer-type": "Internal"}
"""https://cloud.google.com/kubernetes-engine/docs/how-to/internal-load-balancing"""
PORTS = (443, 80, 988)
"""Cloud Storage; GKE's metadata server, also behind Dataplane V2.
https://cloud.google.com/kubernetes-engine/docs/how-to/network-policy#network-policy-and-workload-identity"""


class GkeTarget(KubernetesTarget):
    """Credentials are Application Default Credentials. They need roles/container.developer, or
    roles/container.clusterViewer and the rights that ``KubernetesTarget`` needs. The cluster needs Dataplane V2 or
    another plug-in that enforces NetworkPolicies."""

    kinds: ClassVar[frozenset[str]] = frozenset({"gcp", "kubernetes", "k8s"})
    extra: ClassVar[str] = "gcp,kubernetes"
    needs: ClassVar[tuple[str, ...]] = (CLUSTER, GATEWAY_CIDRS)

    project: str = Field(description="The project's id.")
    location: str = Field(description="The cluster's region or zone.")
    cluster: str = Field(description="The cluster's name.")
    namespace: str = Field(default="intermodal", description="The namespace of the endpoints.")
    gateway_cidrs: list[str] = Field(description="Networks from which endpoints are called.")
    service_account: str = Field(default="", description="The Kubernetes service account of the servers.")
    endpoint: str = Field(default="", description="Address of the GKE API; empty for Google's own.")

    @classmethod
    def of(cls, target: Target) -> Self:
        """By the site's settings. SpecError names the variables that are missing or wrong."""
        settings = GcpSettings.of(target.site)
        cls.require(target)
        return cls(
            project=settings.project,
            location=settings.gke_location or settings.region,
            cluster=settings.gke_cluster,
            namespace=settings.gke_namespace,
            gateway_cidrs=networks(settings.gke_gateway_cidrs, regional_variable(GATEWAY_CIDRS, target.region)),
            service_account=settings.gke_service_account,
            endpoint=settings.gke_endpoint,
            named_region=target.region,
        )

    @property
    def target(self) -> Target:
        return Target("gcp", "gke", self.named_region)

    @property
    def options(self) -> Options:
        return Options(
            namespace=self.namespace,
            gateway_cidrs=tuple(self.gateway_cidrs),
            service_annotations=INTERNAL,
            service_account=self.service_account,
            egress_ports=PORTS,
        )

    def configure(self) -> Any:
        found = cluster.find(self.project, self.location, self.cluster, self.endpoint)
        return configuration(found, identity.access_token)
