"""Settings of AWS at one site. Credentials are boto3's own."""

from typing import ClassVar

from pydantic import Field

from intermodal.resources.settings import REGIONAL, SiteSettings


class AwsSettings(SiteSettings):
    cloud: ClassVar[str] = "aws"
    region: str = Field(validation_alias="AWS_REGION", description="The default region, for example us-east-1.")
    bucket: str = Field(
        validation_alias="INTERMODAL_AWS_BUCKET",
        description="The S3 bucket for mirrors and prediction logs.",
        json_schema_extra=REGIONAL,
    )
    role_arn: str = Field(
        validation_alias="INTERMODAL_AWS_ROLE_ARN",
        description="The execution role of endpoints: it reads the mirror in S3 and pulls the image.",
    )
    endpoint_url: str = Field(
        default="",
        validation_alias="AWS_ENDPOINT_URL",
        description="The address of AWS's APIs; empty: as boto3 finds it.",
        json_schema_extra=REGIONAL,
    )
    registry: str = Field(
        default="",
        validation_alias="INTERMODAL_AWS_REGISTRY",
        description="Where images are pushed: <account>.dkr.ecr.<region>.amazonaws.com/<prefix>.",
        json_schema_extra=REGIONAL,
    )
    eks_cluster: str = Field(
        default="",
        validation_alias="INTERMODAL_AWS_EKS_CLUSTER",
        description="The EKS cluster of `aws/eks`, by its name. Empty: there is no such target.",
        json_schema_extra=REGIONAL,
    )
    eks_gateway_cidrs: str = Field(
        default="",
        validation_alias="INTERMODAL_AWS_EKS_GATEWAY_CIDRS",
        description="Networks from which the gateway and Intermodal call endpoints on `aws/eks`: 10.0.0.0/24. Every "
        "other caller is kept out.",
        json_schema_extra=REGIONAL,
    )
    eks_namespace: str = Field(
        default="intermodal",
        validation_alias="INTERMODAL_AWS_EKS_NAMESPACE",
        description="The namespace of the endpoints on `aws/eks`. It must exist.",
    )
    eks_service_account: str = Field(
        default="",
        validation_alias="INTERMODAL_AWS_EKS_SERVICE_ACCOUNT",
        description="The service account of the servers on `aws/eks`, with a role that reads the bucket, by IRSA or "
        "EKS Pod Identity; empty: the namespace's own.",
    )
    monitor_delay_seconds: float = Field(
        default=120,
        validation_alias="INTERMODAL_MONITOR_DELAY_SECONDS",
        description="Delay of CloudWatch, in seconds.",
    )
