"""A cluster of Amazon EKS as a target (``aws/eks``)."""

from functools import partial
from typing import Any, ClassVar, Self

from pydantic import Field

from intermodal.platform.targets import Target
from intermodal.resources.aws.settings import AwsSettings
from intermodal.resources.aws.targets.eks import cluster
from intermodal.resources.kubernetes.managed import configuration
from intermodal.resources.kubernetes.manifests.options import Options
from intermodal.resources.kubernetes.networks import networks
from intermodal.resources.kubernetes.target import KubernetesTarget
from intermodal.resources.settings import regional_variable

CLUSTER, GATEWAY_CIDRS = "INTERMODAL_AWS_EKS_CLUSTER", "INTERMODAL_AWS_EKS_GATEWAY_CIDRS"
INTERNAL = {
    "service.beta.kubernetes.io/aws-load-balancer-type": "external",
    "service.beta.kubernetes.io/aws-load-balancer-nlb-target-type": "instance",
    "service.beta.kubernetes.io/aws-load-balancer-scheme": "internal",
}
"""A Network Load Balancer inside the VPC. To instances it keeps the caller's address, and its health checks go to the
node, which the NetworkPolicy does not concern.
https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/service/annotations"""
PORTS = (443, 80)
"""S3 and STS; the agent of EKS Pod Identity."""


class EksTarget(KubernetesTarget):
    """Credentials are boto3's. They need eks:DescribeCluster, and an access entry of the cluster with the rights that
    ``KubernetesTarget`` needs. The cluster needs the AWS Load Balancer Controller, a network plug-in that enforces
    NetworkPolicies, and metrics-server if replicas are to follow load."""

    kinds: ClassVar[frozenset[str]] = frozenset({"aws", "kubernetes", "k8s"})
    extra: ClassVar[str] = "aws,kubernetes"
    needs: ClassVar[tuple[str, ...]] = (CLUSTER, GATEWAY_CIDRS)

    cluster: str = Field(description="The cluster's name.")
    region: str = Field(description="For example us-east-1.")
    namespace: str = Field(default="intermodal", description="The namespace of the endpoints.")
    gateway_cidrs: list[str] = Field(description="Networks from which endpoints are called.")
    service_account: str = Field(default="", description="The service account of the servers, with a role for S3.")
    endpoint_url: str = Field(default="", description="The address of AWS's APIs; empty: as boto3 finds it.")

    @classmethod
    def of(cls, target: Target) -> Self:
        """By the site's settings. SpecError names the variables that are missing or wrong."""
        settings = AwsSettings.of(target.site)
        cls.require(target)
        return cls(
            cluster=settings.eks_cluster,
            region=settings.region,
            namespace=settings.eks_namespace,
            gateway_cidrs=networks(settings.eks_gateway_cidrs, regional_variable(GATEWAY_CIDRS, target.region)),
            service_account=settings.eks_service_account,
            named_region=target.region,
            endpoint_url=settings.endpoint_url if target.region else "",
        )

    @property
    def target(self) -> Target:
        return Target("aws", "eks", self.named_region)

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
        found = cluster.find(self.cluster, self.region, self.endpoint_url)
        return configuration(found, partial(cluster.token, self.cluster, self.region))
