"""The two listeners: the entrance, which clients call, and the upstream listener, which only the gateway can reach."""

from dataclasses import dataclass

from intermodal.platform.protocol.envelope import MAX_BODY_BYTES
from intermodal.resources.envoy.render.clusters import BODY_BUFFER_BYTES
from intermodal.resources.envoy.render.drills import drill_filter
from intermodal.resources.envoy.render.entrance import SCRIPTS
from intermodal.resources.envoy.render.proto import Json, extension, file_source
from intermodal.resources.envoy.render.scripts import UPSTREAM
from intermodal.resources.envoy.settings import Paths
from intermodal.resources.envoy.stats.config import answers, tries

ROUTER = extension("envoy.filters.http.router", "filters.http.router.v3.Router", suppress_envoy_headers=True)
BACKLOG = 4096
"""Connections that may wait until a busy Envoy takes them; Linux's own limit (somaxconn) holds too."""
CREDENTIAL_HEADERS = ("authorization", "proxy-authorization", "cookie", "x-api-key", "api-key")
OWN_PREFIXES = ("x-envoy-", "x-intermodal-")
"""A client's own credentials go to no upstream, and no client steers Envoy's retries."""

DEFAULT_HOST = "intermodal"
"""The host of an HTTP/1.0 request without one. Routes do not depend on it. ``ab`` and nginx's default to an upstream
are HTTP/1.0, which Envoy answers with 426 unless it is accepted."""


@dataclass(frozen=True)
class ReservedHeaders:
    """Request headers that serving platforms give a meaning to, such as which variant answers. No client sends them."""

    names: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()


def connection_manager(name: str, routes: object, filters: list[Json], **options: object) -> Json:
    return extension(
        "envoy.filters.network.http_connection_manager",
        "filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix=name,
        server_header_transformation="PASS_THROUGH",
        skip_xff_append=True,
        rds={"route_config_name": name, "config_source": file_source(routes)},
        http_filters=[*filters, ROUTER],
        **options,
    )


def entrance_listener(host: str, port: int, paths: Paths, reserved: ReservedHeaders) -> Json:
    buffer = extension("envoy.filters.http.buffer", "filters.http.buffer.v3.Buffer", max_request_bytes=MAX_BODY_BYTES)
    lua = extension("envoy.filters.http.lua", "filters.http.lua.v3.Lua", source_codes=SCRIPTS, clear_route_cache=False)
    manager = connection_manager(
        "entrance",
        paths.entrance,
        [buffer, lua],
        use_remote_address=True,
        http_protocol_options={"accept_http_10": True, "default_host_for_http_10": DEFAULT_HOST},
        normalize_path=True,
        merge_slashes=True,
        early_header_mutation_extensions=[strip_client_headers(reserved)],
        local_reply_config=ERRORS,
        access_log=answers(),
    )
    return {
        "name": "entrance",
        "address": {"socket_address": {"address": host, "port_value": port}},
        "tcp_backlog_size": BACKLOG,
        "per_connection_buffer_limit_bytes": BODY_BUFFER_BYTES,
        "filter_chains": [{"filters": [manager]}],
    }


def upstream_listener(paths: Paths) -> Json:
    script = extension(
        "envoy.filters.http.lua",
        "filters.http.lua.v3.Lua",
        default_source_code={"inline_string": UPSTREAM},
        clear_route_cache=False,
    )
    filters = [script, drill_filter()]
    manager = connection_manager("upstreams", paths.upstreams, filters, generate_request_id=False, access_log=tries())
    return {
        "name": "upstreams",
        "address": {"pipe": {"path": str(paths.socket), "mode": 0o600}},
        "tcp_backlog_size": BACKLOG,
        "per_connection_buffer_limit_bytes": BODY_BUFFER_BYTES,
        "filter_chains": [{"filters": [manager]}],
    }


def strip_client_headers(reserved: ReservedHeaders) -> Json:
    """Remove what a client may not send. Envoy has header names in lower case."""
    matchers: list[Json] = [{"exact": name.lower()} for name in (*CREDENTIAL_HEADERS, *reserved.names)]
    matchers += [{"prefix": prefix.lower()} for prefix in (*OWN_PREFIXES, *reserved.prefixes)]
    return extension(
        "strip",
        "http.early_header_mutation.header_mutation.v3.HeaderMutation",
        mutations=[{"remove_on_match": {"key_matcher": matcher}} for matcher in matchers],
    )


def status_is(operator: str, value: int) -> Json:
    comparison = {"op": operator, "value": {"default_value": value, "runtime_key": "intermodal.none"}}
    return {"status_code_filter": {"comparison": comparison}}


def error_body(text: str) -> Json:
    return {"body_format_override": {"json_format": {"error": text}}}


ERRORS: Json = {
    "mappers": [
        {
            "filter": status_is("EQ", 413),
            **error_body(
                f"The body is larger than {MAX_BODY_BYTES} bytes, which is what every target can take: send fewer rows."
            ),
        },
        {
            "filter": {"response_flag_filter": {"flags": ["UH", "UF", "UO", "URX", "NC"]}},
            "status_code": 503,
            **error_body("No upstream can serve this model now."),
        },
        {"filter": status_is("EQ", 504), **error_body("No upstream answered in time.")},
        {"filter": status_is("GE", 400), **error_body("%LOCAL_REPLY_BODY%")},
    ]
}
"""Every error that the gateway itself makes has V2's error form, as the model server's have."""
