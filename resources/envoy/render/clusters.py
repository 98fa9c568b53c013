"""Upstreams and failover orders as Envoy clusters.

A failover order is an *aggregate cluster*; it does not run its members' HTTP filters, so a member leads to the
upstream listener, which does (measured with Envoy 1.40). Health lives on the members, where all orders share it.
"""

import base64
from collections.abc import Sequence

from intermodal.resources.envoy.render.proto import Json, seconds, set_header, typed
from intermodal.resources.envoy.settings import Paths, Settings
from intermodal.resources.envoy.stats.config import PROBE
from intermodal.resources.envoy.upstream import ORDER, UpstreamConfig

BODY_BUFFER_BYTES = 4 << 20
"""More than the largest body and its headers: a request must be held whole to be tried again elsewhere."""
MAX_REQUESTS = 16384
"""At a time and for each upstream: an overloaded machine answers late, and refusing is for callers to decide."""
LIMITS = {
    "thresholds": [
        {
            "max_retries": 1024,
            "max_pending_requests": MAX_REQUESTS,
            "max_requests": MAX_REQUESTS,
            "max_connections": MAX_REQUESTS,
        }
    ]
}
"""Of an upstream and its endpoint. What is tried again there is a connection that was closed before anything was
sent."""
MAX_RETRIES = 128
"""At a time, for each failover order. Envoy's default of 3 loses requests when an upstream dies under load; no limit
makes an overload last, since second tries are load too (docs/adr/0019). Enough for an upstream that fails 128 / its
answer time requests a second, such as 1,280 at 100 ms. A percentage (retry_budget) would be taken of what the order
itself has in flight, and an aggregate cluster counts nothing."""
CONNECT = "10s"
"""To the gateway's own socket, which is always there: only a starved Envoy is late, and may not blame an
upstream."""
HEALTH = {"healthy_panic_threshold": {"value": 1}, "update_merge_window": "0s"}
"""An unhealthy upstream gets nothing, unless all of a failover order are unhealthy: then a try beats a refusal, as when
every upstream was slow for a moment and got ejected for it. And a change of health counts at once: by default Envoy
lets up to a second pass."""
HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def upstream_cluster(upstream: UpstreamConfig, golden_body: str, paths: Paths, settings: Settings) -> Json:
    """An upstream as the failover orders see it: one host, ejected on what callers see and found back by the golden
    row."""
    address = {"pipe": {"path": str(paths.socket)}}
    return {
        "name": upstream.name,
        "type": "STATIC",
        "connect_timeout": CONNECT,
        "per_connection_buffer_limit_bytes": BODY_BUFFER_BYTES,
        "circuit_breakers": LIMITS,
        "common_lb_config": HEALTH,
        "load_assignment": {
            "cluster_name": upstream.name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address, "hostname": upstream.domain}}]}],
        },
        "outlier_detection": {
            "consecutive_5xx": 5,
            "consecutive_gateway_failure": 3,
            "enforcing_consecutive_gateway_failure": 100,
            "interval": "0.5s",
            "base_ejection_time": "5s",
            # No longer after the tenth time: an overload ejects all of them again and again, and it ends at once.
            "max_ejection_time": "5s",
            "max_ejection_percent": 100,
            # What fails too often without failing in a row is tried last: the listener's script marks it so (adr/0022).
            "detect_degraded_hosts": True,
        },
        "health_checks": [golden_probe(upstream, golden_body, settings)],
    }


def golden_probe(upstream: UpstreamConfig, golden_body: str, settings: Settings) -> Json:
    """A rare prediction of a known row: a managed endpoint shows no health route to the outside.

    Throttling and timeouts need two misses in a row; any other failure takes the upstream out at once.
    """
    return {
        "timeout": seconds(max(2.0, settings.try_seconds)),
        "interval": seconds(settings.probe_seconds),
        "interval_jitter_percent": 10,
        "no_traffic_interval": seconds(settings.recovery_seconds),
        "no_traffic_healthy_interval": seconds(settings.probe_seconds),
        "unhealthy_interval": seconds(settings.recovery_seconds),
        "unhealthy_edge_interval": seconds(settings.recovery_seconds),
        "healthy_edge_interval": seconds(settings.recovery_seconds),
        "unhealthy_threshold": 2,
        "healthy_threshold": 1,
        "http_health_check": {
            "host": upstream.domain,
            "path": "/",
            "method": "POST",
            "send": {"binary": base64.b64encode(golden_body.encode()).decode()},
            "request_headers_to_add": [set_header("content-type", "application/json"), set_header(PROBE, "1")],
            "expected_statuses": [{"start": 200, "end": 300}],
            "retriable_statuses": [{"start": 429, "end": 430}],
        },
    }


def failover_cluster(name: str, order: Sequence[UpstreamConfig]) -> Json:
    """The upstreams of a failover order, in turn."""
    return {
        "name": name,
        "alt_stat_name": f"{order[0].model}/{order[0].target}/{ORDER}",
        "connect_timeout": CONNECT,
        "lb_policy": "CLUSTER_PROVIDED",
        "common_lb_config": HEALTH,
        "circuit_breakers": {"thresholds": [{"max_retries": MAX_RETRIES}]},
        "cluster_type": {
            "name": "envoy.clusters.aggregate",
            "typed_config": typed(
                "envoy.extensions.clusters.aggregate.v3.ClusterConfig",
                clusters=[upstream.name for upstream in order],
            ),
        },
    }
