"""Identity on AWS: boto3's own chain (environment, profile, role, pod or instance identity), and nothing else.

https://boto3.amazonaws.com/v1/documentation/api/latest/guide/credentials.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from intermodal.platform.errors import MissingExtra, Refused
from intermodal.platform.ports.endpoints import AwsSignature

if TYPE_CHECKING:
    from boto3.session import Session

HINT = "Run: aws configure, or set AWS_PROFILE, AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY, or a role."
CONNECT_SECONDS, READ_SECONDS = 5, 65


def session(region: str) -> Session:
    try:
        import boto3
    except ImportError as error:
        raise MissingExtra("boto3", "aws") from error
    return boto3.session.Session(region_name=region)


def client(service: str, region: str, max_attempts: int, seconds: float | None = None, endpoint_url: str = "") -> Any:
    """A client of the service at ``endpoint_url``; empty: AWS_ENDPOINT_URL[_<SERVICE>] where that is set, else AWS's.

    ``seconds`` replaces CONNECT_SECONDS and READ_SECONDS.
    """
    aws = session(region)
    from botocore.config import Config

    config = Config(
        connect_timeout=seconds or CONNECT_SECONDS,
        read_timeout=seconds or READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": max_attempts},
    )
    return aws.client(service, config=config, endpoint_url=endpoint_url or None)


def signature(service: str, region: str) -> AwsSignature:
    """Current keys with which the gateway signs for ``service`` as this identity. Refused when there are none."""
    found = session(region).get_credentials()
    if found is None:
        raise Refused("There are no AWS credentials.", hint=HINT)
    keys = found.get_frozen_credentials()
    # Keys of a role expire; botocore has no public attribute for it.
    expiry = getattr(found, "_expiry_time", None)
    expires_at = expiry.timestamp() if expiry else None
    return AwsSignature(service, region, keys.access_key, keys.secret_key, keys.token or "", expires_at)
