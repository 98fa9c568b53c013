"""All that Envoy reads of a set of models, rendered from nothing but them.

Each cluster, virtual host and model's routes is JSON text as soon as it is made: of a thousand models they are some 25
MB, and as Python's objects they would cost more time than everything else about them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from msgspec import Raw, Struct, json

from intermodal.resources.envoy.render.clusters import failover_cluster, upstream_cluster
from intermodal.resources.envoy.render.endpoints import endpoint_cluster
from intermodal.resources.envoy.render.entrance import entrance_routes
from intermodal.resources.envoy.render.proto import Json, raw
from intermodal.resources.envoy.render.upstream_routes import upstream_host, upstream_routes
from intermodal.resources.envoy.settings import Paths, Settings
from intermodal.resources.envoy.upstream import Published, is_order

CLUSTER = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
ROUTES = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
Texts = dict[str, Raw]
"""Resources as JSON, by name."""


@dataclass(frozen=True)
class Config:
    """Clusters and the upstreams' virtual hosts by name, and the entrance's routes."""

    endpoints: Texts
    upstreams: Texts
    hosts: Texts
    entrance: Raw


class Document(Struct):
    """What Envoy reads from a file. The version names the contents, so that Envoy's statistics show which it has
    taken."""

    version_info: str
    resources: list[Raw]


class Named(Struct):
    name: str


class Hosts(Struct):
    virtual_hosts: list[Raw]


def render(models: Iterable[Published], paths: Paths, settings: Settings) -> Config:
    ordered = sorted(models, key=lambda model: model.route.model)
    endpoints, upstreams, hosts = Texts(), Texts(), Texts()
    for model in ordered:
        for part in (model, *([model.canary] if model.canary else [])):
            for upstream in part.upstreams:
                endpoints[upstream.endpoint] = cluster(endpoint_cluster(upstream, paths, settings))
                upstreams[upstream.name] = cluster(upstream_cluster(upstream, part.route.golden_body, paths, settings))
                hosts[upstream.domain] = raw(upstream_host(upstream))
        for name, (order, _) in model.orders.items():
            upstreams[name] = cluster(failover_cluster(name, order))
    return Config(endpoints, upstreams, hosts, raw({"@type": ROUTES, **entrance_routes(ordered, settings)}))


def cluster(fields: Json) -> Raw:
    return raw({"@type": CLUSTER, **fields})


def by_name(resources: Iterable[Raw]) -> Texts:
    decoder = json.Decoder(Named)
    return {decoder.decode(resource).name: resource for resource in resources}


def members(name: str, text: Raw) -> list[str]:
    """The upstreams of a failover order, in turn; none for any other cluster."""
    if not is_order(name):
        return []
    found: list[str] = json.decode(text).get("cluster_type", {}).get("typed_config", {}).get("clusters", [])
    return found


def listener_routes(hosts: Mapping[str, Raw]) -> list[Raw]:
    """What the upstream listener reads."""
    return [raw({"@type": ROUTES, **upstream_routes(list(hosts.values()))})]


def hosts_in(resources: list[Raw]) -> Texts:
    """The hosts of what ``listener_routes`` made, by name."""
    return by_name(json.decode(resources[0], type=Hosts).virtual_hosts)


def discovery(resources: Iterable[Raw]) -> Document:
    whole = list(resources)
    hashed = sha256()
    for resource in whole:
        hashed.update(resource)
    return Document(hashed.hexdigest()[:12], whole)


def text(document: Document) -> str:
    return json.encode(document).decode()


def parse(text: str) -> Document:
    """Raises ValueError for anything but a document."""
    return json.decode(text, type=Document)
