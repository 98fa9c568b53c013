"""A cluster of EKS: where its API server is, and the tokens by which it knows an IAM identity."""

from __future__ import annotations

import base64
import time

from intermodal.platform.errors import NotFound, Refused, SpecError, Unavailable
from intermodal.platform.ports.endpoints import BearerToken
from intermodal.resources.aws import identity
from intermodal.resources.aws.errors import translated
from intermodal.resources.kubernetes.managed import Cluster

CLUSTER_HEADER = "x-k8s-aws-id"
PREFIX = "k8s-aws-v1."
EXPIRES = 60
"""Seconds in the presigned address. The cluster takes the token for TOKEN_SECONDS nevertheless."""
TOKEN_SECONDS = 14 * 60
"""The cluster takes a token until 15 minutes after it was signed; a minute is left for clocks that differ.
https://github.com/kubernetes-sigs/aws-iam-authenticator#api-authorization-from-outside-a-cluster"""
SERVING = ("ACTIVE", "UPDATING")


def find(name: str, region: str, endpoint_url: str = "") -> Cluster:
    """SpecError when there is none: NotFound would read as an endpoint that does not exist."""
    client = identity.client("eks", region, max_attempts=1, endpoint_url=endpoint_url)
    try:
        with translated(f"describe EKS cluster '{name}'"):
            found = client.describe_cluster(name=name)["cluster"]
    except NotFound as error:
        raise SpecError(
            f"There is no EKS cluster '{name}' in {region}.", hint="Check INTERMODAL_AWS_EKS_CLUSTER and the region."
        ) from error
    if found["status"] not in SERVING:
        raise Unavailable(
            f"EKS cluster '{name}' is {found['status']}.", hint="Wait until it is ACTIVE, or look at its events in EKS."
        )
    return Cluster(found["endpoint"], found["certificateAuthority"]["data"])


def token(name: str, region: str) -> BearerToken:
    """A presigned STS GetCallerIdentity with the cluster's name as a signed header: EKS sends it to STS, which says
    whose it is. It is made here, without a call. It ends with the credentials that signed it. Refused without any."""
    from botocore.config import Config
    from botocore.signers import RequestSigner

    session = identity.session(region)
    credentials = session.get_credentials()
    if credentials is None:
        raise Refused("There are no AWS credentials.", hint=identity.HINT)
    # EKS takes addresses of STS itself only, so AWS_ENDPOINT_URL does not count.
    sts = session.client("sts", config=Config(ignore_configured_endpoint_urls=True))
    signer = RequestSigner(sts.meta.service_model.service_id, region, "sts", "v4", credentials, session.events)
    request = {
        "method": "GET",
        "url": f"{sts.meta.endpoint_url}/?Action=GetCallerIdentity&Version=2011-06-15",
        "body": {},
        "headers": {CLUSTER_HEADER: name},
        "context": {},
    }
    made = time.time()
    url = signer.generate_presigned_url(request, region_name=region, expires_in=EXPIRES, operation_name="")
    text = base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")
    ends = identity.signature("sts", region).expires_at
    return BearerToken(PREFIX + text, min(made + TOKEN_SECONDS, ends or made + TOKEN_SECONDS))
