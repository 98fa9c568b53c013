"""The entrance's routes: what a client may request of the gateway, and the answers when that is not possible."""

import json
from collections.abc import Sequence
from dataclasses import replace

from intermodal.platform.deployment.openapi import document_of
from intermodal.platform.deployment.try_page import page_of
from intermodal.platform.protocol.envelope import MAX_ANSWER_SECONDS
from intermodal.resources.envoy.render.proto import Json, extension, raw, seconds, typed
from intermodal.resources.envoy.render.routes import (
    below,
    direct_answer,
    document_answer,
    encoded,
    exactly,
    route_for,
    route_list,
)
from intermodal.resources.envoy.render.scripts import MODEL_READY
from intermodal.resources.envoy.settings import Settings
from intermodal.resources.envoy.stats.config import NAMESPACE
from intermodal.resources.envoy.upstream import Published

LUA = "envoy.filters.http.lua"
READY_SCRIPT = "model-ready"
SCRIPTS = {READY_SCRIPT: {"inline_string": MODEL_READY}}
NAMES_LISTED = 20
NOT_FOR_CLIENTS = (
    "server", "set-cookie", "authorization", "www-authenticate", "x-envoy-degraded", "x-envoy-upstream-service-time",
    "x-powered-by",
)  # fmt: skip


def forward(model: Published, settings: Settings) -> Json:
    """To one of the failover orders by weight; then along it until an upstream answers."""
    weighted = [{"name": name, "weight": weight} for name, (_, weight) in model.orders.items()]
    return {
        "weighted_clusters": {"clusters": weighted},
        "auto_host_rewrite": True,
        "timeout": seconds(MAX_ANSWER_SECONDS),
        # A try that is late is not given up: the next upstream is tried too, and the first good answer is taken. So a
        # machine on which everything is late still answers (docs/adr/0019).
        "hedge_policy": {"hedge_on_per_try_timeout": True},
        "retry_policy": {
            "retry_on": "connect-failure,refused-stream,reset,5xx,retriable-status-codes",
            "retriable_status_codes": [408, 429],
            "num_retries": max(2, len(model.route.serving)),
            "per_try_timeout": seconds(settings.try_seconds),
            "retry_back_off": {"base_interval": "0.005s", "max_interval": "0.050s"},
            "retry_priority": extension(
                "envoy.retry_priorities.previous_priorities",
                "retry.priority.previous_priorities.v3.PreviousPrioritiesConfig",
                update_frequency=1,
            ),
        },
    }


def ready_metadata(model: Published) -> Json:
    name = model.route.model
    return {
        "golden": model.route.golden_body,
        "ready": json.dumps({"name": name, "ready": True}),
        "unready": json.dumps({"error": f"No upstream can serve '{name}' now.", "name": name, "ready": False}),
    }


def model_routes(model: Published, settings: Settings) -> list[Json]:
    """Everything below one model's name; a version that is not the served one is not found."""
    forwarded = {"route": forward(model, settings)}
    action = {**forwarded, "metadata": {"filter_metadata": {NAMESPACE: {"model": model.route.model}}}}
    ready = {
        **forwarded,
        "metadata": {"filter_metadata": {LUA: ready_metadata(model)}},
        "typed_per_filter_config": {LUA: typed("envoy.extensions.filters.http.lua.v3.LuaPerRoute", name=READY_SCRIPT)},
    }
    infer, itself, readiness = (below(model, path) for path in ("/infer", "", "/ready"))
    base = f"/v2/models/{model.route.model}"
    served = f"This gateway serves version {model.route.version} of '{model.route.model}', at {base}/infer."
    return [
        encoded(infer),
        *(_pinned(model, settings) if model.canary else []),
        route_for(infer, action, "POST"),
        route_for(infer, direct_answer(405, "Send a prediction request with POST.", allow="POST")),
        route_for(itself, document_answer(model.route.metadata), "GET", "HEAD"),
        route_for(itself, direct_answer(405, "Read metadata with GET.", allow="GET, HEAD")),
        route_for(below(model, "/openapi.json"), document_answer(document_of(model.route)), "GET", "HEAD"),
        route_for(
            below(model, "/try"), direct_answer(200, page_of(model.route), content_type="text/html"), "GET", "HEAD"
        ),
        route_for(readiness, ready, "GET", "HEAD"),
        route_for(readiness, direct_answer(405, "Read readiness with GET.", allow="GET, HEAD")),
        route_for({"prefix": f"{base}/"}, direct_answer(404, f"No such version or path. {served}")),
    ]


def _pinned(model: Published, settings: Settings) -> list[Json]:
    """A request that names the route's version gets it, whatever share a canary has."""
    path = f"/v2/models/{model.route.model}/versions/{model.route.version}/infer"
    action = {
        "route": forward(replace(model, canary=None, share=0), settings),
        "metadata": {"filter_metadata": {NAMESPACE: {"model": model.route.model}}},
    }
    return [route_for(exactly(path), action, "POST")]


def served_names(names: Sequence[str]) -> str:
    if not names:
        return "this gateway serves no model yet"
    more = f" and {len(names) - NAMES_LISTED} more" if names[NAMES_LISTED:] else ""
    return f"this gateway serves: {', '.join(names[:NAMES_LISTED])}{more}"


def unknown(serves: str) -> Json:
    return route_for({"prefix": "/v2/models/"}, direct_answer(404, f"Unknown model; {serves}."))


def gateway_routes(names: Sequence[str]) -> list[Json]:
    """The gateway's own paths, and the answer for everything unknown."""
    serves = served_names(names)
    unready = direct_answer(503, "The gateway has no route yet: deploy a model first.")
    ready = document_answer({"ready": True}) if names else unready
    server = {"name": "intermodal-gateway", "version": "1", "extensions": []}
    return [
        route_for(exactly("/v2"), document_answer(server), "GET", "HEAD"),
        route_for(exactly("/v2/health/live"), document_answer({"live": True}), "GET", "HEAD"),
        route_for(exactly("/v2/health/ready"), ready, "GET", "HEAD"),
        unknown(serves),
        route_for({"prefix": "/"}, direct_answer(404, f"Nothing is here: POST /v2/models/<model>/infer; {serves}.")),
    ]


def entrance_routes(models: Sequence[Published], settings: Settings) -> Json:
    """One virtual host. A tree of prefixes finds the model, so a request's cost does not grow with their number."""
    names = [model.route.model for model in models]
    others, last = gateway_routes(names), raw(unknown(served_names(names)))
    host: Json = {"name": "gateway", "domains": ["*"]}
    if models:
        host["matcher"] = {
            "matcher_tree": {
                "input": {
                    "name": "path",
                    "typed_config": typed("envoy.type.matcher.v3.HttpRequestHeaderMatchInput", header_name=":path"),
                },
                "prefix_match_map": {
                    "map": {
                        f"/v2/models/{model.route.model}": raw(route_list([*model_routes(model, settings), last]))
                        for model in models
                    }
                },
            },
            "on_no_match": route_list(others),
        }
    else:
        host["routes"] = others
    return {
        "name": "entrance",
        "max_direct_response_body_size_bytes": 1 << 20,
        "response_headers_to_remove": list(NOT_FOR_CLIENTS),
        "virtual_hosts": [host],
    }
