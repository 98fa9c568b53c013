"""What is rendered of an upstream and of a route: their parts, and the names of everything that Envoy holds of them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from json import dumps
from typing import Literal
from urllib.parse import urlsplit

from intermodal.platform.errors import SpecError
from intermodal.platform.ports.endpoints import ApiKey, AwsSignature, ErrorEnvelope, Upstream
from intermodal.platform.ports.gateway import Canary, Route
from intermodal.platform.targets import Target
from intermodal.resources.envoy.control.admin import Turn

CredentialKind = Literal["none", "sigv4", "bearer", "header"]
MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
UPSTREAM = r"[^/]+/[^/]+/[0-9a-f]{12}"
"""What follows the model and a slash in the name of an upstream's cluster, and of no other cluster. A model's name has
no slash and a target has exactly one, so a name is read by its parts."""
ORDER = "first"
"""The fourth part of the name of a failover order's cluster. An upstream has its key there, which is hexadecimal."""


def digest(value: object) -> str:
    """Twelve hex digits that differ when the value does. Never feed it a secret."""
    return sha256(dumps(value, sort_keys=True).encode()).hexdigest()[:12]


def key_of(cluster: str) -> str:
    """The key in the name of an upstream's cluster or of its endpoint's."""
    return cluster.split("/")[3]


def is_order(cluster: str) -> bool:
    """Whether a cluster's name is that of a failover order."""
    return cluster.split("/")[3:4] == [ORDER]


@dataclass(frozen=True)
class UpstreamConfig:
    """What must be known of an upstream to render it; the secret itself stays in a file named after ``key``.

    Everything that Envoy holds of an upstream is named after ``key``, so it is never changed under a running request:
    a new URL or version is a new upstream, and the old one is removed when no request uses it.
    """

    model: str
    target: Target
    version: str
    url: str
    credential: CredentialKind = "none"
    service: str = ""
    region: str = ""
    id_header: str = ""
    errors: ErrorEnvelope = field(default_factory=ErrorEnvelope)
    key_header: str = ""

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        if not usable or any(ord(c) <= 32 or ord(c) > 126 for c in self.url):
            raise SpecError(
                f"The upstream of '{self.model}' on {self.target} has no usable URL: '{self.url}'.",
                hint="Give the full http(s) address that takes a V2 body by POST.",
            )

    @cached_property
    def key(self) -> str:
        """An upstream without a header for a key keeps the key of earlier releases, so that an upgrade renames none."""
        fields = asdict(self)
        return digest(fields if self.key_header else {name: fields[name] for name in fields if name != "key_header"})

    def is_same_endpoint(self, other: "UpstreamConfig") -> bool:
        """Whether both are one version at one address, with one kind of credential, whatever its headers and errors."""
        return replace(self, id_header="", errors=ErrorEnvelope()) == replace(
            other, id_header="", errors=ErrorEnvelope()
        )

    @property
    def name(self) -> str:
        """The name of the upstream's cluster."""
        return f"{self.model}/{self.target}/{self.key}"

    @property
    def endpoint(self) -> str:
        """The name of the cluster that is the endpoint itself."""
        return f"{self.name}/endpoint"

    @property
    def domain(self) -> str:
        """The host name by which the upstream listener finds the upstream; it never leaves the gateway."""
        return f"{self.key}.{self.target.dotted}"


@dataclass(frozen=True)
class Published:
    """A route with its upstreams, those with weight 0 too, in the route's order: all that is rendered of a model.

    ``canary`` is another version's, for ``share`` percent of the requests.
    """

    route: Route
    upstreams: tuple[UpstreamConfig, ...] = field(default=())
    canary: "Published | None" = None
    share: int = 0

    @property
    def all_upstreams(self) -> tuple[UpstreamConfig, ...]:
        return (*self.upstreams, *(self.canary.upstreams if self.canary else ()))

    def of_version(self, version: str) -> "Published":
        """The canary's part where it has the version, else the route's."""
        return self.canary if self.canary and self.canary.route.version == version else self

    def order(self, first: Target) -> tuple[UpstreamConfig, ...]:
        """The upstreams in the order in which they are tried when ``first`` was chosen."""
        by_target = {upstream.target: upstream for upstream in self.upstreams}
        return tuple(by_target[target] for target in self.route.failover_order(first) if target in by_target)

    def health(self, turns: Mapping[str, Turn]) -> dict[Target, bool]:
        """Whether each upstream is sent first tries: those that come last are when no serving one comes first."""
        found = {upstream.target: turns.get(upstream.name, "never") for upstream in self.upstreams}
        well = any(found.get(target) == "first" for target in self.route.serving)
        return {target: turn == "first" or (turn == "last" and not well) for target, turn in found.items()}

    @cached_property
    def orders(self) -> Mapping[str, tuple[tuple[UpstreamConfig, ...], int]]:
        """Failover orders by the names of their clusters, and the weight of each. An order of the canary goes on with
        one of the route: its requests are answered whatever becomes of it."""
        kept, canary = 100 - self.share if self.canary else 1, self.canary
        found = {
            self._order_name(order): (order, self.route.weights[first] * kept)
            for first in self.route.serving
            if (order := self.order(first))
        }
        if canary is None or not self.share:
            return found
        # Each part's weights count as its share, whatever they add up to.
        own, other = sum(self.route.weights.values()), sum(canary.route.weights.values())
        orders = {name: (order, weight * other) for name, (order, weight) in found.items()}
        for first in canary.route.serving:
            later = self.order(first if first in self.route.serving else self.route.serving[0])
            order = (canary.order(first)[0], *later)
            orders[self._order_name(order)] = (order, canary.route.weights[first] * self.share * own)
        return orders

    def _order_name(self, order: Sequence[UpstreamConfig]) -> str:
        keys = digest([upstream.key for upstream in order])
        return f"{self.route.model}/{order[0].target}/{ORDER}/{keys}"


def shifted(old: Published, weights: Mapping[Target, int], added: Sequence[Upstream]) -> Published:
    """The same version with other weights, and with the upstreams in ``added``. A target that is not named gets weight
    0. The route keeps its order; targets that it did not have follow.

    SpecError for a weight of a target that has no upstream, and for an upstream of another version than the route has:
    a new one may have been published since it was requested.
    """
    model, version = old.route.model, old.route.version
    _refuse_doubled(model, added)
    if other := [upstream.target for upstream in added if upstream.version != version]:
        raise SpecError(
            f"The route of '{model}' has version {version}, and the upstream on {_listed(other)} another.",
            hint="Deploy the route's version there, and add that.",
        )
    by_target = {upstream.target: upstream for upstream in old.upstreams}
    by_target |= {upstream.target: upstream_config(model, upstream) for upstream in added}
    if missing := [target for target, weight in weights.items() if weight and target not in by_target]:
        raise SpecError(
            f"The route of '{model}' has no upstream on {_listed(missing)}.",
            hint="Give it in `added`, or leave its weight at 0.",
        )
    order = dict.fromkeys([*old.route.weights, *weights, *by_target], 0)
    route = replace(old.route, weights={**order, **weights})
    return replace(old, route=route, upstreams=tuple(by_target[target] for target in order if target in by_target))


def split(old: Published, canary: Canary | None, upstreams: Sequence[Upstream]) -> Published:
    """The same route with the canary, or without one. SpecError for a canary of the route's own version, and for a
    target that gets traffic and has no upstream: without ``upstreams``, the canary that is there must have them."""
    if canary is None:
        return replace(old, canary=None, share=0)
    route = canary.route
    if (route.model, route.version) != (old.route.model, route.version) or route.version == old.route.version:
        raise SpecError(
            f"The route of '{old.route.model}' has version {old.route.version}, and its canary is {route.model} "
            f"{route.version}.",
            hint="A canary is another version of the same model.",
        )
    known = old.canary if old.canary and old.canary.route.version == route.version else None
    part = published(route, upstreams) if upstreams or known is None else replace(known, route=route)
    if missing := [target for target in route.serving if target not in {each.target for each in part.upstreams}]:
        raise SpecError(
            f"The canary {route.version} of '{route.model}' has no upstream on {_listed(missing)}.",
            hint="Give it, or set the weight to 0.",
        )
    return replace(old, canary=part, share=canary.share)


def upstream_config(model: str, upstream: Upstream) -> UpstreamConfig:
    """What is rendered of an upstream, without its secret."""
    config = UpstreamConfig(
        model, upstream.target, upstream.version, upstream.url, id_header=upstream.id_header, errors=upstream.errors
    )
    match upstream.credential:
        case None:
            return config
        case AwsSignature(service=service, region=region):
            return replace(config, credential="sigv4", service=service, region=region)
        case ApiKey(header=header):
            return replace(config, credential="header", key_header=header)
        case _:
            return replace(config, credential="bearer")


def published(route: Route, upstreams: Sequence[Upstream]) -> Published:
    """Pair a route with its upstreams; SpecError when one is missing, or two are on one target.

    An upstream with weight 0 is rendered too: it is probed and gets no traffic. A target with weight 0 may lack one.
    """
    if not MODEL_NAME.fullmatch(route.model):
        raise SpecError(
            f"'{route.model}' cannot be a model's name in a URL.", hint="Use letters, digits, '_', '-' and '.'."
        )
    _refuse_doubled(route.model, upstreams)
    by_target = {upstream.target: upstream for upstream in upstreams}
    if missing := [target for target in route.serving if target not in by_target]:
        raise SpecError(
            f"The route of '{route.model}' sends traffic to {_listed(missing)} but has no upstream there.",
            hint="Deploy there first, or set the weight to 0.",
        )
    known = [by_target[target] for target in route.weights if target in by_target]
    return Published(route, tuple(upstream_config(route.model, upstream) for upstream in known))


def _refuse_doubled(model: str, upstreams: Sequence[Upstream]) -> None:
    if len({upstream.target for upstream in upstreams}) != len(upstreams):
        raise SpecError(f"The route of '{model}' has two upstreams on one target.", hint="Give one for each.")


def _listed(targets: Iterable[Target]) -> str:
    return ", ".join(map(str, targets))
