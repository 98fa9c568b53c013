"""The upstream listener's routes: a virtual host for each upstream, which rewrites host and path and marks the answer.

Virtual hosts are found by a hash of the name, so a thousand models cost a request no more than one.
"""

from dataclasses import asdict
from urllib.parse import urlsplit

from msgspec import Raw

from intermodal.platform.ports.endpoints import ErrorEnvelope
from intermodal.platform.protocol.envelope import MAX_ANSWER_SECONDS
from intermodal.resources.envoy.render.drills import drill_of
from intermodal.resources.envoy.render.endpoints import authority
from intermodal.resources.envoy.render.proto import Json, seconds, set_header
from intermodal.resources.envoy.stats.config import NAMESPACE
from intermodal.resources.envoy.upstream import UpstreamConfig

METADATA = "envoy.filters.http.lua"
"""Of a route, for the listener's script."""


def upstream_host(upstream: UpstreamConfig) -> Json:
    """Whatever arrives for the upstream's name goes to its endpoint's address."""
    parts = urlsplit(upstream.url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    target, cloud = str(upstream.target), upstream.target.cloud
    tags = {"model": upstream.model, "target": target, "cloud": cloud, "version": upstream.version}
    script = {"target": target, "upstream": upstream.key, "errors": error_envelope(upstream.errors)}
    return {
        "name": upstream.domain,
        "domains": [upstream.domain],
        "typed_per_filter_config": drill_of(upstream.target),
        "routes": [
            {
                "match": {"prefix": "/"},
                "metadata": {"filter_metadata": {METADATA: script, NAMESPACE: tags}},
                "route": {
                    "cluster": upstream.endpoint,
                    "host_rewrite_literal": authority(upstream),
                    "path_rewrite": path.replace("%", "%%"),
                    "timeout": seconds(MAX_ANSWER_SECONDS),
                    # A kept-alive connection that the endpoint closed just now: nothing was sent, so try again.
                    "retry_policy": {"retry_on": "reset-before-request", "num_retries": 1},
                },
                "request_headers_to_remove": ["x-envoy-external-address"],
                "request_headers_to_add": [request_id(upstream.id_header)] if upstream.id_header else [],
                # Only the listener's own script may send this to the failover order.
                "response_headers_to_remove": ["x-envoy-degraded", "x-envoy-immediate-health-check-fail"],
                "response_headers_to_add": [
                    set_header("x-intermodal-target", target),
                    set_header("x-intermodal-cloud", cloud),
                    set_header("x-intermodal-version", upstream.version),
                ],
            }
        ],
    }


def error_envelope(errors: ErrorEnvelope) -> Json:
    """For the script, which compares statuses as text and header names in lower case."""
    headers = {"status_header": errors.status_header.lower(), "platform_header": errors.platform_header.lower()}
    return {**asdict(errors), **headers, "status": str(errors.status)}


def request_id(header: str) -> Json:
    """The request's id in the header that the platform passes on: the prediction log knows a request by it."""
    return {
        "header": {"key": header, "value": "%REQ(x-request-id)%"},
        "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
    }


def upstream_routes(hosts: list[Raw]) -> Json:
    return {"name": "upstreams", "virtual_hosts": hosts}
