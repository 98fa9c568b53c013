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
        description="A Secret of the namespace whose entries become variables of the servers: keys of the object store "
        "(AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY). Empty: the service account's own identity.",
    )
    service_account: str = Field(
        default="",
        validation_alias="INTERMODAL_ONPREM_SERVICE_ACCOUNT",
        description="The service account of the servers, which may name pull secrets; empty: the namespace's own.",
    )
    store_ports: str = Field(
        default="",
        validation_alias="INTERMODAL_ONPREM_STORE_PORTS",
        description="TCP ports of the object store, by commas: servers may call no others. Empty: the port of its "
        "address. A store in the same cluster also needs the port of its pods.",
    )
    store_url: str = Field(
        validation_alias="INTERMODAL_ONPREM_STORE_URL",
        description="The address of a store that speaks S3, for Dagster and for servers: https://s3.acme.example.",
        json_schema_extra=REGIONAL,
    )
    store_region: str = Field(
        default="us-east-1",
        validation_alias="INTERMODAL_ONPREM_STORE_REGION",
        description="The region that requests to the store are signed for.",
        json_schema_extra=REGIONAL,
    )
    bucket: str = Field(
        validation_alias="INTERMODAL_ONPREM_BUCKET",
        description="The bucket for mirrors and prediction logs.",
        json_schema_extra=REGIONAL,
    )
    registry: str = Field(
        default="",
        validation_alias="INTERMODAL_ONPREM_REGISTRY",
        description="Where images are pushed: <host>/<prefix>.",
        json_schema_extra=REGIONAL,
    )
