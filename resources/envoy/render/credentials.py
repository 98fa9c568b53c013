"""Credentials of upstreams: rendered as references to files that only the owner may read.

A file is renamed onto the old one, and Envoy takes the new secret without touching a cluster or a request.
"""

import json
import secrets as random
from pathlib import Path

from intermodal.platform.errors import SpecError
from intermodal.platform.ports.endpoints import ApiKey, AwsSignature, BearerToken
from intermodal.resources.envoy.render.proto import Json, extension, file_source, typed
from intermodal.resources.envoy.settings import Paths
from intermodal.resources.envoy.upstream import UpstreamConfig

PROFILE = "intermodal"


def secret_file(upstream: UpstreamConfig, paths: Paths) -> Path | None:
    """Where the upstream's secret is: a SigV4 credentials file, or an Envoy secret; None when it needs none."""
    match upstream.credential:
        case "none":
            return None
        case "sigv4":
            return paths.secrets / f"{upstream.key}.ini"
        case "bearer" | "header":
            return paths.secrets / f"{upstream.key}.json"


def expiry_file(upstream: UpstreamConfig, paths: Paths) -> Path:
    """The file with the Unix seconds at which the upstream's secret expires; absent when it does not expire."""
    return paths.secrets / f"{upstream.key}.expires"


def filters(upstream: UpstreamConfig, paths: Paths) -> list[Json]:
    """Upstream HTTP filters of the endpoint: they run after the rewriting, so what is signed is what is sent."""
    path = secret_file(upstream, paths)
    match upstream.credential:
        case "none":
            return []
        case "sigv4":
            source = {"filename": str(path), "watched_directory": {"path": str(paths.secrets)}}
            return [
                extension(
                    "envoy.filters.http.aws_request_signing",
                    "filters.http.aws_request_signing.v3.AwsRequestSigning",
                    service_name=upstream.service,
                    region=upstream.region,
                    use_unsigned_payload=False,
                    # What the signature needs and no more: a header that a proxy on the way changes must not break it.
                    match_included_headers=[{"exact": "host"}, {"exact": "content-type"}, {"prefix": "x-amz-"}],
                    credential_provider={
                        "custom_credential_provider_chain": True,
                        "credentials_file_provider": {"credentials_data_source": source, "profile": PROFILE},
                    },
                )
            ]
        case "bearer" | "header":
            return [
                extension(
                    "envoy.filters.http.credential_injector",
                    "filters.http.credential_injector.v3.CredentialInjector",
                    overwrite=True,
                    credential=extension(
                        "envoy.http.injected_credentials.generic",
                        "http.injected_credentials.generic.v3.Generic",
                        header=upstream.key_header or "authorization",
                        credential={"name": upstream.key, "sds_config": file_source(path)},
                    ),
                )
            ]


def secret_text(upstream: UpstreamConfig, credential: AwsSignature | BearerToken | ApiKey) -> str:
    """The contents of the upstream's secret file; SpecError when a part of the credential is not one printable line."""
    parts = [value for value in vars(credential).values() if isinstance(value, str)]
    if not all(part.isprintable() for part in parts):
        raise SpecError(f"The credential for {upstream.target} is not one line of printable characters.")
    match credential:
        case AwsSignature():
            token = f"aws_session_token={credential.session_token}\n" if credential.session_token else ""
            return (
                f"[{PROFILE}]\naws_access_key_id={credential.access_key_id}\n"
                f"aws_secret_access_key={credential.secret_access_key}\n{token}"
            )
        case BearerToken(token=token):
            return _generic(upstream, f"Bearer {token}")
        case ApiKey(key=key):
            return _generic(upstream, key)


def _generic(upstream: UpstreamConfig, text: str) -> str:
    """An Envoy secret: the whole value of a header."""
    value = {"inline_string": text}
    secret = typed(
        "envoy.extensions.transport_sockets.tls.v3.Secret", name=upstream.key, generic_secret={"secret": value}
    )
    return json.dumps({"version_info": random.token_hex(8), "resources": [secret]})


def same_secret(old: str, new: str) -> bool:
    """Whether two secret files hold the same; the version of one is drawn at random, never made from the secret."""
    if not new.startswith("{"):
        return old == new
    try:
        return bool(json.loads(old)["resources"] == json.loads(new)["resources"])
    except (ValueError, KeyError, TypeError):
        return False
