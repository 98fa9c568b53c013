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
    monitor_delay_seconds: float = Field(
        default=120,
        validation_alias="INTERMODAL_MONITOR_DELAY_SECONDS",
        description="Delay of CloudWatch, in seconds.",
    )
