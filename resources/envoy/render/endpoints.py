"""The real endpoint behind an upstream as an Envoy cluster: its address, TLS, and the credentials added on the way
out."""

import ipaddress
import ssl
from pathlib import Path
from urllib.parse import urlsplit

from intermodal.platform.errors import SpecError
from intermodal.resources.envoy.render import credentials
from intermodal.resources.envoy.render.clusters import BODY_BUFFER_BYTES, HTTP_OPTIONS, LIMITS
from intermodal.resources.envoy.render.proto import Json, extension, typed
from intermodal.resources.envoy.settings import Paths, Settings
from intermodal.resources.envoy.upstream import UpstreamConfig

DEBIAN_CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


def authority(upstream: UpstreamConfig) -> str:
    """The Host header that the endpoint expects."""
    parts = urlsplit(upstream.url)
    host = f"[{parts.hostname}]" if ":" in str(parts.hostname) else str(parts.hostname)
    default = {"http": 80, "https": 443}[parts.scheme]
    return host if parts.port in (None, default) else f"{host}:{parts.port}"


def is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def endpoint_cluster(upstream: UpstreamConfig, paths: Paths, settings: Settings) -> Json:
    parts = urlsplit(upstream.url)
    host = str(parts.hostname)
    port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    endpoint = {"address": {"socket_address": {"address": host, "port_value": port}}}
    cluster: Json = {
        "name": upstream.endpoint,
        "alt_stat_name": f"{upstream.model}/{upstream.target}/endpoint",
        "type": "STATIC" if is_address(host) else "LOGICAL_DNS",
        "dns_lookup_family": "V4_PREFERRED",
        "connect_timeout": "1s",
        "per_connection_buffer_limit_bytes": BODY_BUFFER_BYTES,
        "circuit_breakers": LIMITS,
        "load_assignment": {
            "cluster_name": upstream.endpoint,
            "endpoints": [{"lb_endpoints": [{"endpoint": endpoint}]}],
        },
        "typed_extension_protocol_options": {
            HTTP_OPTIONS: typed(
                HTTP_OPTIONS,
                explicit_http_config={"http_protocol_options": {}},
                http_filters=[*credentials.filters(upstream, paths), UPSTREAM_CODEC],
            )
        },
    }
    if parts.scheme == "https":
        cluster["transport_socket"] = tls(host, settings.ca_bundle or system_ca_bundle())
    return cluster


UPSTREAM_CODEC = extension("envoy.filters.http.upstream_codec", "filters.http.upstream_codec.v3.UpstreamCodec")


def tls(host: str, ca_bundle: str) -> Json:
    """TLS that checks the certificate's chain and its name; a bare address is checked as one and sends no SNI."""
    kind = "IP_ADDRESS" if is_address(host) else "DNS"
    context: Json = {
        "common_tls_context": {
            "validation_context": {
                "trusted_ca": {"filename": ca_bundle},
                "match_typed_subject_alt_names": [{"san_type": kind, "matcher": {"exact": host}}],
            }
        }
    }
    if kind == "DNS":
        context["sni"] = host
    return extension("envoy.transport_sockets.tls", "transport_sockets.tls.v3.UpstreamTlsContext", **context)


def system_ca_bundle() -> str:
    for candidate in (ssl.get_default_verify_paths().cafile, DEBIAN_CA_BUNDLE):
        if candidate and Path(candidate).is_file():
            return candidate
    raise SpecError(
        "No bundle of trusted certificates was found on this machine.",
        hint="Set the gateway's ca_bundle to a PEM file, or install ca-certificates.",
    )
