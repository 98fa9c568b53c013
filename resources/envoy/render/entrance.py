"""The entrance's routes: what a client may ask of the gateway, and what it is told when that is not possible."""

import json
from collections.abc import Sequence

from intermodal.platform.protocol.envelope import MAX_ANSWER_SECONDS
from intermodal.resources.envoy.render.proto import Json, extension, raw, seconds, typed
from intermodal.resources.envoy.render.routes import answered, at, below, chosen, encoded, exactly, told
from intermodal.resources.envoy.render.scripts import MODEL_READY
from intermodal.resources.envoy.settings import Settings
from intermodal.resources.envoy.stats.config import NAMESPACE
from intermodal.resources.envoy.upstream import Published

LUA = "envoy.filters.http.lua"
READY_SCRIPT = "model-ready"
SCRIPTS = {READY_SCRIPT: {"inline_string": MODEL_READY}}
NAMES_SHOWN = 20
NOT_FOR_CLIENTS = (
    "server", "set-cookie", "authorization", "www-authenticate", "x-envoy-degraded", "x-envoy-upstream-service-time",
    "x-powered-by",
)  # fmt: skip


def forward(model: Published, settings: Settings) -> Json:
    """To one of the failover orders by weight; then along it until an upstream answers."""
    weighted = [
        {"name": model.order_names[cloud], "weight": model.route.weights[cloud]} for cloud in model.route.serving
    ]
    return {
        "weighted_clusters": {"clusters": weighted},
        "auto_host_rewrite": True,
        "timeout": seconds(MAX_ANSWER_SECONDS),
        # A try that is late is not given up: the next upstream is asked too, and the first good answer is taken. So a
        # machine on which everything is late still answers (docs/adr/0019).
        "hedge_policy": {"hedge_on_per_try_timeout": True},
        "retry_policy": {
            "retry_on": "connect-failure,refused-stream,reset,5xx,retriable-status-codes",
            "retriable_status_codes": [408, 429],
            "num_retries": max(2, len(weighted)),
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
    infer, itself, readiness = (below(model, rest) for rest in ("/infer", "", "/ready"))
    base = f"/v2/models/{model.route.model}"
    served = f"This gateway serves version {model.route.version} of '{model.route.model}', at {base}/infer."
    return [
        encoded(infer),
        at(infer, action, "POST"),
        at(infer, told(405, "A prediction is asked for with POST.", allow="POST")),
        at(itself, answered(model.route.metadata), "GET", "HEAD"),
        at(itself, told(405, "Metadata is asked for with GET.", allow="GET, HEAD")),
        at(readiness, ready, "GET", "HEAD"),
        at(readiness, told(405, "Readiness is asked for with GET.", allow="GET, HEAD")),
        at({"prefix": f"{base}/"}, told(404, f"No such version or path. {served}")),
    ]


def shown(names: Sequence[str]) -> str:
    if not names:
        return "this gateway serves no model yet"
    more = f" and {len(names) - NAMES_SHOWN} more" if names[NAMES_SHOWN:] else ""
    return f"this gateway serves: {', '.join(names[:NAMES_SHOWN])}{more}"


def unknown(serves: str) -> Json:
    return at({"prefix": "/v2/models/"}, told(404, f"Unknown model; {serves}."))


def gateway_routes(names: Sequence[str]) -> list[Json]:
    """What is asked of the gateway itself, and the last word for everything unknown."""
    serves = shown(names)
    able = answered({"ready": True}) if names else told(503, "The gateway has no route yet: deploy a model first.")
    server = {"name": "intermodal-gateway", "version": "1", "extensions": []}
    return [
        at(exactly("/v2"), answered(server), "GET", "HEAD"),
        at(exactly("/v2/health/live"), answered({"live": True}), "GET", "HEAD"),
        at(exactly("/v2/health/ready"), able, "GET", "HEAD"),
        unknown(serves),
        at({"prefix": "/"}, told(404, f"Nothing is here: POST /v2/models/<model>/infer; {serves}.")),
    ]


def entrance_routes(models: Sequence[Published], settings: Settings) -> Json:
    """One virtual host. A tree of prefixes finds the model, so a request's cost does not grow with their number."""
    names = [model.route.model for model in models]
    others, last = gateway_routes(names), raw(unknown(shown(names)))
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
                        f"/v2/models/{model.route.model}": raw(chosen([*model_routes(model, settings), last]))
                        for model in models
                    }
                },
            },
            "on_no_match": chosen(others),
        }
    else:
        host["routes"] = others
    return {
        "name": "entrance",
        "max_direct_response_body_size_bytes": 1 << 20,
        "response_headers_to_remove": list(NOT_FOR_CLIENTS),
        "virtual_hosts": [host],
    }
