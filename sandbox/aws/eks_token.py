"""A token of EKS: a presigned STS GetCallerIdentity, whose signature is computed again instead of asking STS.

https://github.com/kubernetes-sigs/aws-iam-authenticator#api-authorization-from-outside-a-cluster
"""

import base64
import binascii
import datetime
import hashlib
import hmac
from urllib.parse import parse_qsl, quote, urlsplit

from intermodal.sandbox.aws.signature import TIME_FORMAT, Verifier, signing_key

SERVICE = "sts"
PREFIX = "k8s-aws-v1."
CLUSTER_HEADER = "x-k8s-aws-id"
SIGNED = f"host;{CLUSTER_HEADER}"
VALID_SECONDS, MAX_EXPIRES = 900, 900


def valid(token: str, verifier: Verifier, cluster: str) -> bool:
    """Whether it is signed with the account's key for this cluster, in this region, at most 15 minutes ago."""
    try:
        url = urlsplit(_decoded(token))
        query = dict(parse_qsl(url.query, keep_blank_values=True, strict_parsing=True))
    except ValueError:
        return False
    if (url.scheme, url.netloc, url.path) != ("https", f"sts.{verifier.region}.amazonaws.com", "/"):
        return False
    given, stamp = query.pop("X-Amz-Signature", ""), query.get("X-Amz-Date", "")
    scope = f"{stamp[:8]}/{verifier.region}/{SERVICE}/aws4_request"
    expected = {
        "Action": "GetCallerIdentity",
        "Version": "2011-06-15",
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"{verifier.access_key}/{scope}",
        "X-Amz-SignedHeaders": SIGNED,
        "X-Amz-Date": stamp,
    }
    if {**query, **expected} != query or query.keys() - expected.keys() != {"X-Amz-Expires"}:
        return False
    if not _is_current(stamp, query["X-Amz-Expires"]):
        return False
    pairs = sorted((quote(key, safe="-_.~"), quote(value, safe="-_.~")) for key, value in query.items())
    canonical = "\n".join(
        (
            "GET",
            "/",
            "&".join(f"{key}={value}" for key, value in pairs),
            f"host:{url.netloc}\n{CLUSTER_HEADER}:{cluster}\n",
            SIGNED,
            hashlib.sha256(b"").hexdigest(),
        )
    )
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = signing_key(verifier.secret, stamp[:8], verifier.region, SERVICE)
    return hmac.compare_digest(hmac.digest(key, text.encode(), "sha256").hex().encode(), given.encode())


def _decoded(token: str) -> str:
    """ValueError for what is no token."""
    if not token.startswith(PREFIX) or "=" in token:
        raise ValueError("not a token of EKS, or padded")
    text = token.removeprefix(PREFIX)
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()
    except binascii.Error as error:
        raise ValueError(str(error)) from error


def _is_current(stamp: str, expires: str) -> bool:
    try:
        signed = datetime.datetime.strptime(stamp, TIME_FORMAT).replace(tzinfo=datetime.UTC)
    except ValueError:
        return False
    age = (datetime.datetime.now(datetime.UTC) - signed).total_seconds()
    return expires.isdigit() and 0 < int(expires) <= MAX_EXPIRES and -60 <= age <= VALID_SECONDS
