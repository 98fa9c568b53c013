"""A lane: one model's path to one cloud inside the gateway, from the failover order to the endpoint's address."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from json import dumps
from typing import Literal
from urllib.parse import urlsplit

from intermodal.platform.errors import SpecError
from intermodal.platform.ports.endpoints import AwsSignature, Upstream
from intermodal.platform.ports.gateway import Route
from intermodal.platform.targets import CLOUDS, Cloud
from intermodal.resources.envoy.control.admin import Turn

CredentialKind = Literal["none", "aws", "bearer"]
MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")


def digest(value: object) -> str:
    """Twelve hex digits that differ when the value does. Never feed it a secret."""
    return sha256(dumps(value, sort_keys=True).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Lane:
    """What must be known of an upstream to render it; the secret itself stays in a file named after ``key``.

    Everything that Envoy holds of a lane is named after ``key``, so a lane is never changed under a running request:
    a new URL or version is a new lane, and the old one goes when nobody uses it.
    """

    model: str
    cloud: Cloud
    version: str
    url: str
    credential: CredentialKind = "none"
    service: str = ""
    region: str = ""

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        if not usable or any(ord(c) <= 32 or ord(c) > 126 for c in self.url):
            raise SpecError(
                f"The upstream of '{self.model}' on {self.cloud} has no usable URL: '{self.url}'.",
                hint="Give the full http(s) address that takes a V2 body by POST.",
            )

    @cached_property
    def key(self) -> str:
        return digest(asdict(self))

    @property
    def name(self) -> str:
        return f"{self.model}/{self.cloud}/{self.key}"

    @property
    def endpoint(self) -> str:
        """The name of the cluster that is the endpoint itself."""
        return f"{self.name}/endpoint"

    @property
    def domain(self) -> str:
        """The host name by which the lane listener knows the lane; it never leaves the gateway."""
        return f"{self.key}.{self.cloud}"


@dataclass(frozen=True)
class Published:
    """A route with the lanes of its upstreams, those with weight 0 too: all that is rendered of one model."""

    route: Route
    lanes: tuple[Lane, ...] = field(default=())

    def order(self, first: Cloud) -> tuple[Lane, ...]:
        """The lanes in the order they are tried when ``first`` was chosen."""
        by_cloud = {lane.cloud: lane for lane in self.lanes}
        return tuple(by_cloud[cloud] for cloud in self.route.failover_order(first) if cloud in by_cloud)

    def health(self, turns: Mapping[str, Turn]) -> dict[Cloud, bool]:
        """Whether each cloud is sent first tries: those that come last are when no serving one comes first."""
        found = {lane.cloud: turns.get(lane.name, "never") for lane in self.lanes}
        well = any(found.get(cloud) == "first" for cloud in self.route.serving)
        return {cloud: when == "first" or (when == "last" and not well) for cloud, when in found.items()}

    @cached_property
    def order_names(self) -> Mapping[Cloud, str]:
        """The name of the failover order that starts with each serving cloud."""
        return {
            first: f"{self.route.model}/{first}-first/{digest([lane.key for lane in self.order(first)])}"
            for first in self.route.serving
        }


def shifted(old: Published, weights: Mapping[Cloud, int], added: Sequence[Upstream]) -> Published:
    """The same version with other weights, and with the lanes of ``added``; a cloud that is not named gets weight 0.

    SpecError for a weight of a cloud that has no upstream, and for an upstream of another version than the route has:
    a new one may have been published since it was asked for.
    """
    if other := [one.cloud for one in added if one.version != old.route.version]:
        raise SpecError(
            f"The route of '{old.route.model}' has version {old.route.version}, and the upstream on {', '.join(other)} "
            "another.",
            hint="Deploy the route's version there, and add that.",
        )
    lanes = {lane.cloud: lane for lane in old.lanes} | {one.cloud: lane_of(old.route.model, one) for one in added}
    if missing := [cloud for cloud, weight in weights.items() if weight and cloud not in lanes]:
        raise SpecError(
            f"The route of '{old.route.model}' has no upstream on {', '.join(missing)}.",
            hint="Give it in `added`, or leave its weight at 0.",
        )
    zero = dict.fromkeys([cloud for cloud in CLOUDS if cloud in lanes or cloud in old.route.weights], 0)
    route = replace(old.route, weights={**zero, **weights})
    return Published(route, tuple(lanes[cloud] for cloud in CLOUDS if cloud in lanes))


def lane_of(model: str, upstream: Upstream) -> Lane:
    """The lane of an upstream, without its secret."""
    match upstream.credential:
        case None:
            return Lane(model, upstream.cloud, upstream.version, upstream.url)
        case AwsSignature(service=service, region=region):
            return Lane(model, upstream.cloud, upstream.version, upstream.url, "aws", service, region)
        case _:
            return Lane(model, upstream.cloud, upstream.version, upstream.url, "bearer")


def published(route: Route, upstreams: tuple[Upstream, ...]) -> Published:
    """Pair a route with its upstreams; SpecError when one is missing, doubled or of another version.

    An upstream with weight 0 gets a lane, which is probed and gets no traffic; a cloud with weight 0 may lack one.
    """
    if not MODEL_NAME.fullmatch(route.model):
        raise SpecError(
            f"'{route.model}' cannot be a model's name in a URL.", hint="Use letters, digits, '_', '-' and '.'."
        )
    by_cloud = {upstream.cloud: upstream for upstream in upstreams}
    if len(by_cloud) != len(upstreams):
        raise SpecError(f"The route of '{route.model}' has two upstreams in one cloud.", hint="Give one for each.")
    missing = [cloud for cloud in route.serving if cloud not in by_cloud]
    if missing:
        raise SpecError(
            f"The route of '{route.model}' sends traffic to {', '.join(missing)} but has no upstream there.",
            hint="Deploy there first, or set the weight to 0.",
        )
    known = [cloud for cloud in CLOUDS if cloud in by_cloud and cloud in route.weights]
    return Published(route, tuple(lane_of(route.model, by_cloud[cloud]) for cloud in known))
