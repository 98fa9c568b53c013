"""Credentials of upstreams: rendered as references to files that only the owner may read.

A file is renamed onto the old one, and Envoy takes the new secret without touching a cluster or a request.
"""

import json
import secrets as random
from pathlib import Path

from intermodal.platform.errors import SpecError
from intermodal.platform.ports.endpoints import AwsSignature, BearerToken
from intermodal.resources.envoy.render.proto import Json, extension, file_source, typed
from intermodal.resources.envoy.settings import Places
from intermodal.resources.envoy.upstream import Lane

PROFILE = "intermodal"


def secret_file(lane: Lane, places: Places) -> Path | None:
    """Where the lane's secret lies: an AWS credentials file, or an Envoy secret; None when it needs none."""
    match lane.credential:
        case "none":
            return None
        case "aws":
            return places.secrets / f"{lane.key}.ini"
        case "bearer":
            return places.secrets / f"{lane.key}.json"


def expiry_file(lane: Lane, places: Places) -> Path:
    """Where it is kept until when the lane's secret is good, in Unix seconds; absent when it does not expire."""
    return places.secrets / f"{lane.key}.expires"


def filters(lane: Lane, places: Places) -> list[Json]:
    """Upstream HTTP filters of the endpoint: they run after the rewriting, so what is signed is what is sent."""
    path = secret_file(lane, places)
    match lane.credential:
        case "none":
            return []
        case "aws":
            source = {"filename": str(path), "watched_directory": {"path": str(places.secrets)}}
            return [
                extension(
                    "envoy.filters.http.aws_request_signing",
                    "filters.http.aws_request_signing.v3.AwsRequestSigning",
                    service_name=lane.service,
                    region=lane.region,
                    use_unsigned_payload=False,
                    # What AWS demands and no more: a header that somebody on the way changes must not break it.
                    match_included_headers=[{"exact": "host"}, {"exact": "content-type"}, {"prefix": "x-amz-"}],
                    credential_provider={
                        "custom_credential_provider_chain": True,
                        "credentials_file_provider": {"credentials_data_source": source, "profile": PROFILE},
                    },
                )
            ]
        case "bearer":
            return [
                extension(
                    "envoy.filters.http.credential_injector",
                    "filters.http.credential_injector.v3.CredentialInjector",
                    overwrite=True,
                    credential=extension(
                        "envoy.http.injected_credentials.generic",
                        "http.injected_credentials.generic.v3.Generic",
                        header="authorization",
                        credential={"name": lane.key, "sds_config": file_source(path)},
                    ),
                )
            ]


def secret_text(lane: Lane, credential: AwsSignature | BearerToken) -> str:
    """The contents of the lane's secret file; SpecError when a part of the credential is not one printable line."""
    parts = [value for value in vars(credential).values() if isinstance(value, str)]
    if not all(part.isprintable() for part in parts):
        raise SpecError(f"The credential for {lane.cloud} is not one line of printable characters.")
    match credential:
        case AwsSignature():
            token = f"aws_session_token={credential.session_token}\n" if credential.session_token else ""
            return (
                f"[{PROFILE}]\naws_access_key_id={credential.access_key_id}\n"
                f"aws_secret_access_key={credential.secret_access_key}\n{token}"
            )
        case BearerToken():
            value = {"inline_string": f"Bearer {credential.token}"}
            secret = typed(
                "envoy.extensions.transport_sockets.tls.v3.Secret", name=lane.key, generic_secret={"secret": value}
            )
            return json.dumps({"version_info": random.token_hex(8), "resources": [secret]})


def same_secret(old: str, new: str) -> bool:
    """Whether two secret files say the same; the version of one is drawn at random, never made from the secret."""
    if not new.startswith("{"):
        return old == new
    try:
        return bool(json.loads(old)["resources"] == json.loads(new)["resources"])
    except (ValueError, KeyError, TypeError):
        return False
