"""The lane listener's routes: one virtual host a lane, which rewrites host and path and marks the answer.

Virtual hosts are found by a hash of the name, so a thousand models cost a request no more than one.
"""

from urllib.parse import urlsplit

from msgspec import Raw

from intermodal.platform.protocol.envelope import MAX_ANSWER_SECONDS
from intermodal.resources.envoy.render.endpoints import authority
from intermodal.resources.envoy.render.proto import Json, seconds, set_header
from intermodal.resources.envoy.stats.config import NAMESPACE
from intermodal.resources.envoy.upstream import Lane

METADATA = "envoy.filters.http.lua"
REQUEST_ID = {
    "header": {"key": "x-amzn-sagemaker-custom-attributes", "value": "%REQ(x-request-id)%"},
    "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
}
"""SageMaker passes no other header on to a container, and the prediction log knows a request by its id."""


def lane_host(lane: Lane) -> Json:
    """Whatever arrives for the lane's name goes to its endpoint's one address."""
    parts = urlsplit(lane.url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return {
        "name": lane.domain,
        "domains": [lane.domain],
        "routes": [
            {
                "match": {"prefix": "/"},
                "metadata": {
                    "filter_metadata": {
                        METADATA: {"lane": lane.cloud, "upstream": lane.key},
                        NAMESPACE: {"model": lane.model, "cloud": lane.cloud, "version": lane.version},
                    }
                },
                "route": {
                    "cluster": lane.endpoint,
                    "host_rewrite_literal": authority(lane),
                    "path_rewrite": path.replace("%", "%%"),
                    "timeout": seconds(MAX_ANSWER_SECONDS),
                    # A kept-alive connection that the endpoint closed just now: nothing was sent, so ask again.
                    "retry_policy": {"retry_on": "reset-before-request", "num_retries": 1},
                },
                "request_headers_to_remove": ["x-envoy-external-address"],
                "request_headers_to_add": [REQUEST_ID] if lane.service == "sagemaker" else [],
                # Only the lane's own script may say this to the failover order.
                "response_headers_to_remove": ["x-envoy-degraded", "x-envoy-immediate-health-check-fail"],
                "response_headers_to_add": [
                    set_header("x-intermodal-cloud", lane.cloud),
                    set_header("x-intermodal-version", lane.version),
                ],
            }
        ],
    }


def lane_routes(hosts: list[Raw]) -> Json:
    return {"name": "lanes", "virtual_hosts": hosts}
