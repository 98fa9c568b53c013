"""A cluster of Azure Kubernetes Service as a target (``azure/aks``)."""

from typing import Any, ClassVar, Self

from pydantic import Field

from intermodal.platform.targets import Target
from intermodal.resources.azure.settings import AzureSettings
from intermodal.resources.azure.targets.aks import cluster
from intermodal.resources.kubernetes.managed import configuration
from intermodal.resources.kubernetes.manifests.options import Options
from intermodal.resources.kubernetes.networks import networks
from intermodal.resources.kubernetes.target import KubernetesTarget
from intermodal.resources.settings import regional_variable

CLUSTER, GATEWAY_CIDRS = "INTERMODAL_AZURE_AKS_CLUSTER", "INTERMODAL_AZURE_AKS_GATEWAY_CIDRS"
INTERNAL = {"service.beta.kubernetes.io/azure-load-balancer-internal": "true"}
"""https://learn.microsoft.com/azure/aks/internal-lb"""
WORKLOAD_IDENTITY = {"azure.workload.identity/use": "true"}
"""Pods with it get the identity that their service account names.
https://learn.microsoft.com/azure/aks/workload-identity-overview#pod-labels"""


class AksTarget(KubernetesTarget):
    """Credentials are azure-identity's. They need the role Azure Kubernetes Service Cluster User, and the rights that
    ``KubernetesTarget`` needs, by Azure RBAC or a RoleBinding. The cluster needs Entra integration and a network policy
    engine."""

    kinds: ClassVar[frozenset[str]] = frozenset({"azure", "kubernetes", "k8s"})
    extra: ClassVar[str] = "azure,kubernetes"
    needs: ClassVar[tuple[str, ...]] = (CLUSTER, GATEWAY_CIDRS)

    subscription_id: str = Field(description="The subscription's id.")
    resource_group: str = Field(description="The resource group of the cluster.")
    cluster: str = Field(description="The cluster's name.")
    namespace: str = Field(default="intermodal", description="The namespace of the endpoints.")
    gateway_cidrs: list[str] = Field(description="Networks from which endpoints are called.")
    service_account: str = Field(default="", description="The service account of the servers, with an identity.")
    management_endpoint: str = Field(default="https://management.azure.com", description="Resource Manager's address.")

    @classmethod
    def of(cls, target: Target) -> Self:
        """By the site's settings. SpecError names the variables that are missing or wrong."""
        settings = AzureSettings.of(target.site)
        cls.require(target)
        return cls(
            subscription_id=settings.subscription_id,
            resource_group=settings.resource_group,
            cluster=settings.aks_cluster,
            namespace=settings.aks_namespace,
            gateway_cidrs=networks(settings.aks_gateway_cidrs, regional_variable(GATEWAY_CIDRS, target.region)),
            service_account=settings.aks_service_account,
            management_endpoint=settings.management_endpoint,
            named_region=target.region,
        )

    @property
    def target(self) -> Target:
        return Target("azure", "aks", self.named_region)

    @property
    def options(self) -> Options:
        return Options(
            namespace=self.namespace,
            gateway_cidrs=tuple(self.gateway_cidrs),
            service_annotations=INTERNAL,
            service_account=self.service_account,
            pod_labels=WORKLOAD_IDENTITY if self.service_account else {},
        )

    def configure(self) -> Any:
        found = cluster.find(self.subscription_id, self.resource_group, self.cluster, self.management_endpoint)
        return configuration(found, cluster.token)
