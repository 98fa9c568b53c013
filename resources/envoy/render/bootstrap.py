"""What Envoy is started with: ``envoy -c <directory>/bootstrap.json --disable-hot-restart``."""

from intermodal.resources.envoy.render.listeners import ReservedHeaders, entrance_listener, upstream_listener
from intermodal.resources.envoy.render.proto import Json, file_source
from intermodal.resources.envoy.settings import Paths
from intermodal.resources.envoy.stats.config import stats_config


def bootstrap(paths: Paths, listen_port: int, admin_port: int, listen_host: str, reserved: ReservedHeaders) -> Json:
    """The listeners stand here, since they never change; clusters and routes come from files."""
    return {
        "node": {"id": "gateway", "cluster": "intermodal"},
        "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": admin_port}}},
        "dynamic_resources": {"cds_config": file_source(paths.clusters)},
        "static_resources": {
            "listeners": [entrance_listener(listen_host, listen_port, paths, reserved), upstream_listener(paths)]
        },
        "layered_runtime": {"layers": [{"name": "drills", "admin_layer": {}}]},
        "stats_config": stats_config(),
        "stats_flush_interval": "1s",
        "deferred_stat_options": {"enable_deferred_creation_stats": True},
    }
