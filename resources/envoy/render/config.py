"""All that Envoy reads of a set of models, rendered from nothing but them.

Each cluster, lane host and model's routes is JSON text as soon as it is made: of a thousand models they are some 25 MB,
and as Python's objects they would cost more time than everything else about them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from msgspec import Raw, Struct, json

from intermodal.resources.envoy.render.clusters import failover_cluster, upstream_cluster
from intermodal.resources.envoy.render.endpoints import endpoint_cluster
from intermodal.resources.envoy.render.entrance import entrance_routes
from intermodal.resources.envoy.render.proto import Json, raw
from intermodal.resources.envoy.render.upstream_routes import lane_host, lane_routes
from intermodal.resources.envoy.settings import Places, Settings
from intermodal.resources.envoy.upstream import Published

CLUSTER = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
ROUTES = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
Texts = dict[str, Raw]
"""Resources as JSON, by name."""


@dataclass(frozen=True)
class Config:
    """Clusters and lane hosts by name, and the entrance's routes."""

    endpoints: Texts
    upstreams: Texts
    lane_hosts: Texts
    entrance: Raw


class Document(Struct):
    """What Envoy reads from a file. The version names the contents, so that one can ask Envoy what it has taken."""

    version_info: str
    resources: list[Raw]


class Named(Struct):
    name: str


class Hosts(Struct):
    virtual_hosts: list[Raw]


def render(models: Iterable[Published], places: Places, settings: Settings) -> Config:
    ordered = sorted(models, key=lambda model: model.route.model)
    endpoints, upstreams, hosts = Texts(), Texts(), Texts()
    for model in ordered:
        for lane in model.lanes:
            endpoints[lane.endpoint] = cluster(endpoint_cluster(lane, places, settings))
            upstreams[lane.name] = cluster(upstream_cluster(lane, model.route.golden_body, places, settings))
            hosts[lane.domain] = raw(lane_host(lane))
        for cloud in model.route.serving:
            upstreams[model.order_names[cloud]] = cluster(failover_cluster(model, cloud))
    return Config(endpoints, upstreams, hosts, raw({"@type": ROUTES, **entrance_routes(ordered, settings)}))


def cluster(fields: Json) -> Raw:
    return raw({"@type": CLUSTER, **fields})


def by_name(resources: Iterable[Raw]) -> Texts:
    decoder = json.Decoder(Named)
    return {decoder.decode(resource).name: resource for resource in resources}


def members(name: str, text: Raw) -> list[str]:
    """The upstreams of a failover order, in turn; none for any other cluster."""
    if "-first/" not in name:
        return []
    found: list[str] = json.decode(text).get("cluster_type", {}).get("typed_config", {}).get("clusters", [])
    return found


def lanes(hosts: Mapping[str, Raw]) -> list[Raw]:
    return [raw({"@type": ROUTES, **lane_routes(list(hosts.values()))})]


def hosts(resources: list[Raw]) -> Texts:
    """The lanes' hosts again, of what ``lanes`` made."""
    return by_name(json.decode(resources[0], type=Hosts).virtual_hosts)


def discovery(resources: Iterable[Raw]) -> Document:
    whole = list(resources)
    hashed = sha256()
    for one in whole:
        hashed.update(one)
    return Document(hashed.hexdigest()[:12], whole)


def text(document: Document) -> str:
    return json.encode(document).decode()


def parse(text: str) -> Document:
    """Raises ValueError for anything but a document."""
    return json.decode(text, type=Document)
