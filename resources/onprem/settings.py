"""Settings of a site without a cloud: a cluster by its kubeconfig, a store that speaks S3, an image registry."""

from typing import ClassVar

from pydantic import Field

from intermodal.resources.settings import REGIONAL, SiteSettings


class OnpremSettings(SiteSettings):
    """Keys of the store and of the registry are not here: they are read from the environment by what needs them."""

    cloud: ClassVar[str] = "onprem"
    kubeconfig: str = Field(
        validation_alias="INTERMODAL_ONPREM_KUBECONFIG",
        description="Path of the kubeconfig of the cluster.",
        json_schema_extra=REGIONAL,
    )
    context: str = Field(
        default="",
        validation_alias="INTERMODAL_ONPREM_CONTEXT",
        description="The kubeconfig's context; empty: its current one.",
        json_schema_extra=REGIONAL,
    )
    namespace: str = Field(
        default="intermodal",
        validation_alias="INTERMODAL_ONPREM_NAMESPACE",
        description="The namespace of the endpoints. It must exist.",
    )
    gateway_cidrs: str = Field(
        validation_alias="INTERMODAL_ONPREM_GATEWAY_CIDRS",
        description="Networks from which the gateway and Intermodal call endpoints: 10.0.0.0/24,fd00::/64. Every other "
        "caller is kept out.",
        json_schema_extra=REGIONAL,
    )
    secret: str = Field(
        default="",
        validation_alias="INTERMODAL_ONPREM_SECRET",
        description="A Secret of the namespace whose entries become variables of the servers: keys and address of the "
        "object store (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL, AWS_REGION).",
    )
    service_account: str = Field(
        default="",
        validation_alias="INTERMODAL_ONPREM_SERVICE_ACCOUNT",
        description="The service account of the servers, which may name pull secrets; empty: the namespace's own.",
    )
    store_ports: str = Field(
        default="443",
        validation_alias="INTERMODAL_ONPREM_STORE_PORTS",
        description="TCP ports of the object store, by commas: servers may call no others.",
    )
