"""A minimal caller of an Upstream, which does what the gateway does."""

import os
import ssl

import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from intermodal.platform.ports.endpoints import ApiKey, AwsSignature, BearerToken, Upstream


def send(upstream: Upstream, body: bytes, request_id: str = "", **more: str) -> httpx.Response:
    """POST the body with the upstream's credential; https is verified against SSL_CERT_FILE where that is set. ``more``
    are headers, with '_' in their names."""
    headers = {"Content-Type": "application/json", **{name.replace("_", "-").title(): more[name] for name in more}}
    if request_id:
        headers |= {name: request_id for name in ("x-request-id", upstream.id_header) if name}
    match upstream.credential:
        case BearerToken(token=token):
            headers["Authorization"] = f"Bearer {token}"
        case ApiKey(header=header, key=value):
            headers[header] = value
        case AwsSignature() as key:
            request = AWSRequest("POST", upstream.url, headers=headers, data=body)
            credentials = Credentials(key.access_key_id, key.secret_access_key, key.session_token or None)
            SigV4Auth(credentials, key.service, key.region).add_auth(request)
            headers = dict(request.headers.items())
    verify = ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE"))
    with httpx.Client(verify=verify, timeout=65, trust_env=False) as client:
        return client.post(upstream.url, content=body, headers=headers)
