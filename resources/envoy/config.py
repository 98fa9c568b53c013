"""All that Envoy reads of a set of models, rendered from nothing but them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from intermodal.resources.envoy.clusters import failover_cluster, upstream_cluster
from intermodal.resources.envoy.endpoints import endpoint_cluster
from intermodal.resources.envoy.entrance import entrance_routes
from intermodal.resources.envoy.lane import Published, digest
from intermodal.resources.envoy.lanes import lane_host, lane_routes
from intermodal.resources.envoy.proto import Json
from intermodal.resources.envoy.settings import Places, Settings

CLUSTER = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
ROUTES = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"


@dataclass(frozen=True)
class Config:
    """Clusters and lane hosts by name, and the entrance's routes."""

    endpoints: Mapping[str, Json]
    upstreams: Mapping[str, Json]
    lane_hosts: Mapping[str, Json]
    entrance: Json


def render(models: Iterable[Published], places: Places, settings: Settings) -> Config:
    ordered = sorted(models, key=lambda model: model.route.model)
    endpoints, upstreams, hosts = [], [], []
    for model in ordered:
        for lane in model.lanes:
            endpoints.append(endpoint_cluster(lane, places, settings))
            upstreams.append(upstream_cluster(lane, model.route.golden_body, places, settings))
            hosts.append(lane_host(lane))
        upstreams += [failover_cluster(model, cloud) for cloud in model.route.serving]
    return Config(by_name(endpoints), by_name(upstreams), by_name(hosts), entrance_routes(ordered, settings))


def by_name(resources: Iterable[Json]) -> dict[str, Json]:
    return {resource["name"]: resource for resource in resources}


def members(cluster: Json) -> list[str]:
    """The upstreams of a failover order, in turn; none for any other cluster."""
    found: list[str] = cluster.get("cluster_type", {}).get("typed_config", {}).get("clusters", [])
    return found


def clusters(named: Mapping[str, Json]) -> list[Json]:
    return [{"@type": CLUSTER, **cluster} for cluster in named.values()]


def lanes(hosts: Mapping[str, Json]) -> list[Json]:
    return [{"@type": ROUTES, **lane_routes(list(hosts.values()))}]


def entrance(routes: Json) -> list[Json]:
    return [{"@type": ROUTES, **routes}]


def discovery(resources: list[Json]) -> Json:
    """What Envoy reads from a file. The version names the contents, so that one can ask Envoy what it has taken."""
    return {"version_info": digest(resources), "resources": resources}
