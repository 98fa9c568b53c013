"""Any Kubernetes cluster by its kubeconfig as a target (``onprem/kubernetes``)."""

from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

from pydantic import Field

from intermodal.platform.errors import SpecError
from intermodal.platform.targets import Target
from intermodal.resources.kubernetes.connection import kubeconfig
from intermodal.resources.kubernetes.manifests.options import Options
from intermodal.resources.kubernetes.networks import networks
from intermodal.resources.kubernetes.target import KubernetesTarget
from intermodal.resources.onprem.settings import OnpremSettings
from intermodal.resources.settings import regional_variable

PORTS = {"http": 80, "https": 443}


class OnpremKubernetesTarget(KubernetesTarget):
    """The cluster needs something that gives Services of the type LoadBalancer an address, such as MetalLB; a network
    plug-in that enforces NetworkPolicies; and metrics-server if replicas are to follow load."""

    kinds: ClassVar[frozenset[str]] = frozenset({"kubernetes", "k8s"})

    kubeconfig: str = Field(description="Path of the kubeconfig.")
    context: str = Field(default="", description="The kubeconfig's context; empty: its current one.")
    namespace: str = Field(description="The namespace of the endpoints.")
    gateway_cidrs: list[str] = Field(description="Networks from which endpoints are called.")
    secret: str = Field(default="", description="A Secret whose entries become variables of the servers.")
    service_account: str = Field(default="", description="The service account of the servers.")
    store_ports: list[int] = Field(default=[443], description="TCP ports of the object store.")
    store_url: str = Field(default="", description="The address of the object store; empty: Amazon S3.")
    store_region: str = Field(default="us-east-1", description="The region that the store's requests are signed for.")

    @classmethod
    def of(cls, target: Target) -> Self:
        """By the site's settings. SpecError names the variables that are missing or wrong."""
        settings = OnpremSettings.of(target.site)
        variable = regional_variable("INTERMODAL_ONPREM_GATEWAY_CIDRS", target.region)
        own_port = port_of(settings.store_url)  # always: the address is in every manifest, where no password may be
        return cls(
            kubeconfig=settings.kubeconfig,
            context=settings.context,
            namespace=settings.namespace,
            gateway_cidrs=networks(settings.gateway_cidrs, variable),
            secret=settings.secret,
            service_account=settings.service_account,
            store_ports=ports(settings.store_ports) if settings.store_ports else [own_port],
            store_url=settings.store_url,
            store_region=settings.store_region,
            named_region=target.region,
        )

    @property
    def target(self) -> Target:
        return Target("onprem", "kubernetes", self.named_region)

    @property
    def options(self) -> Options:
        store = {"AWS_ENDPOINT_URL_S3": self.store_url, "AWS_REGION": self.store_region} if self.store_url else {}
        return Options(
            namespace=self.namespace,
            gateway_cidrs=tuple(self.gateway_cidrs),
            service_account=self.service_account,
            secret=self.secret,
            egress_ports=tuple(self.store_ports),
            variables=store,
        )

    def configure(self) -> Any:
        return kubeconfig(self.kubeconfig, self.context)


def ports(text: str) -> list[int]:
    parts = text.replace(",", " ").split()
    if not parts or not all(part.isdigit() and 0 < int(part) < 65536 for part in parts):
        raise SpecError(f"INTERMODAL_ONPREM_STORE_PORTS is '{text}'.", hint="Write ports by commas: 443,9000.")
    return [int(part) for part in parts]


def port_of(url: str) -> int:
    """The TCP port of the store's address. SpecError when it is no address of a server."""
    try:
        found = urlsplit(url)
        if found.scheme not in PORTS or not found.hostname or found.username or found.path.strip("/"):
            raise ValueError
        return found.port or PORTS[found.scheme]
    except ValueError:
        # The text is not repeated: it may hold a password.
        raise SpecError("INTERMODAL_ONPREM_STORE_URL is no address.", hint="Write https://s3.acme.example.") from None
