"""The gateway: the proxy that clients call, its routes, and what it counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from intermodal.platform.errors import SpecError
from intermodal.platform.ports.endpoints import Upstream
from intermodal.platform.ports.registry import Identity
from intermodal.platform.targets import Target


@dataclass(frozen=True)
class Route:
    """What the gateway does with one model's requests.

    ``weights`` are relative, in failover order; an upstream with 0 stands by: it is probed, and used when no serving
    one can answer. ``metadata`` is the V2 metadata that the gateway answers with, ``golden_body`` a V2 request known to
    be answerable (the probe). ``digest`` is that of the version's package, '' if it was published before digests were
    kept.
    """

    model: str
    version: str
    weights: Mapping[Target, int]
    metadata: Mapping[str, object]
    golden_body: str
    digest: str = ""

    def __post_init__(self) -> None:
        if any(weight < 0 for weight in self.weights.values()):
            raise SpecError(f"Route of '{self.model}': a weight is negative.", hint="Use 0 to drain an upstream.")
        if not any(self.weights.values()):
            raise SpecError(
                f"Route of '{self.model}': every upstream has weight 0.", hint="Leave at least one above 0."
            )

    @property
    def identity(self) -> Identity:
        return Identity(self.version, self.digest)

    @property
    def serving(self) -> tuple[Target, ...]:
        """The targets that get traffic, in the order of ``weights``, which is that of the spec's ``serve``."""
        return tuple(target for target, weight in self.weights.items() if weight > 0)

    def failover_order(self, first: Target) -> tuple[Target, ...]:
        """Which upstreams are tried, in turn, when ``first`` was chosen: a ring, so that load spreads, with targets of
        other sites before those of the same site, which share its failures; then those that stand by."""
        start = self.serving.index(first)
        ring = self.serving[start + 1 :] + self.serving[:start]
        others = sorted(ring, key=lambda target: (target.site == first.site, target.cloud == first.cloud))
        return (first, *others, *(target for target, weight in self.weights.items() if weight == 0))


@dataclass(frozen=True)
class Canary:
    """Another version behind a model's address, for ``share`` percent of its requests (0 to 99).

    ``route`` has that version with weights of its own, as a route alone would. What it cannot answer, the model's own
    route answers.
    """

    route: Route
    share: int

    def __post_init__(self) -> None:
        if not 0 <= self.share < 100:
            raise SpecError(
                f"Version {self.route.version} of '{self.route.model}' has a share of {self.share} percent.",
                hint="Give 0 to 99, or publish its route for all requests.",
            )


@dataclass(frozen=True)
class Tries:
    """What upstreams were sent and answered, as counts: ``codes`` by HTTP status ("0": no answer), ``within``: how many
    of the answered ones took at most so many microseconds, by upper bound (cumulative)."""

    codes: Mapping[str, int] = field(default_factory=dict)
    within: Mapping[float, int] = field(default_factory=dict)

    @property
    def requests(self) -> int:
        return sum(self.codes.values())

    @property
    def failed(self) -> int:
        """Answered 5xx, or not at all."""
        return sum(count for code, count in self.codes.items() if code == "0" or code.startswith("5"))

    @property
    def without_prediction(self) -> int:
        """Answered other than 2xx, or not at all: it failed, was throttled, or was refused as the caller's mistake."""
        return sum(count for code, count in self.codes.items() if not code.startswith("2"))

    def since(self, earlier: "Tries") -> "Tries":
        """What came after ``earlier``; all of it when a count is lower now: the gateway was then started anew."""
        if any(self.codes.get(code, 0) < count for code, count in earlier.codes.items()):
            return self
        return Tries(
            {code: count - earlier.codes.get(code, 0) for code, count in self.codes.items()},
            {bound: count - earlier.within.get(bound, 0) for bound, count in self.within.items()},
        )

    def __add__(self, other: "Tries") -> "Tries":
        return Tries(_sum(self.codes, other.codes), _sum(self.within, other.within))


K = TypeVar("K")


def _sum(left: Mapping[K, int], right: Mapping[K, int]) -> dict[K, int]:
    return {key: left.get(key, 0) + right.get(key, 0) for key in (*left, *(key for key in right if key not in left))}


@dataclass(frozen=True)
class Disturbance:
    """What the gateway does to the requests that it would send to a target. Percentages are of requests, 0 to 100.

    ``abort_percent`` are answered with ``abort_status`` at once, ``delay_percent`` wait ``delay_ms`` first.
    """

    abort_percent: int = 0
    abort_status: int = 503
    delay_percent: int = 0
    delay_ms: int = 0

    def __post_init__(self) -> None:
        for name in ("abort_percent", "delay_percent"):
            if not 0 <= getattr(self, name) <= 100:
                raise SpecError(f"{name} is {getattr(self, name)}.", hint="Give a percentage, 0 to 100.")


@dataclass(frozen=True)
class Totals:
    """Counts of one model's requests at the gateway since its process began; take the difference of two.

    ``failed`` got a 5xx, or no answer before their caller left; ``retried`` got an answer that took a second try.
    """

    requests: int = 0
    failed: int = 0
    retried: int = 0

    def since(self, earlier: "Totals") -> "Totals":
        """What came after ``earlier``; everything when the gateway was started anew in between."""
        if earlier.requests > self.requests:
            return self
        return Totals(self.requests - earlier.requests, self.failed - earlier.failed, self.retried - earlier.retried)


class Gateway(Protocol):
    """The proxy that clients call."""

    @property
    def url(self) -> str: ...

    def publish(self, route: Route, upstreams: Sequence[Upstream]) -> None:
        """Make the gateway use this route: atomic, and the old one keeps serving until the new one is taken."""

    def renew(self, model: str, upstream: Upstream) -> None:
        """Replace one upstream's credential; the route stays as it is."""

    def credential_expiry(self, model: str, version: str = "") -> Mapping[Target, float]:
        """Unix seconds at which each upstream's credential expires; one that does not is absent. Those of the route,
        or of its canary where that has the ``version``."""

    def addresses(self, model: str, version: str = "") -> Mapping[Target, str]:
        """The ``url`` of each upstream of the route, or of its canary where that has the ``version``; none of a model
        that has no route."""

    def shift(self, model: str, weights: Mapping[Target, int], added: Sequence[Upstream] = ()) -> None:
        """Move traffic among the upstreams that the route has, and those in ``added``; no cloud API is called.

        An upstream that is left with weight 0 stands by: it is used when no other can answer, and stays probed, so
        that ``health`` tells when it can serve again. NotFound when there is no route; SpecError for a weight of a
        target that has no upstream.
        """

    def split(self, model: str, canary: Canary | None, upstreams: Sequence[Upstream] = ()) -> None:
        """Send a share of the model's requests to another version, with these upstreams; None ends that. The model's
        route stays as it is, and ``publish`` ends it too. A change of the share alone needs no upstreams.

        NotFound when there is no route; SpecError for a canary of the route's own version, and for a target of its
        route that gets traffic and has no upstream.
        """

    def canary(self, model: str) -> Canary | None: ...

    def tries(self, model: str) -> Mapping[tuple[Target, str], Tries]:
        """By target and version, since the gateway's process began. Probes are not among them."""

    def withdraw(self, model: str) -> None:
        """Idempotent: the model answers 404 from then on."""

    def route(self, model: str) -> Route | None: ...

    def models(self) -> Sequence[str]: ...

    def infer(self, model: str, body: bytes) -> tuple[bytes, Target, str]:
        """A V2 body through the gateway: the answer, the target that gave it and its version."""

    def upstream_health(self, model: str) -> Mapping[Target, bool]:
        """Whether each upstream of the model is sent first tries now, as the gateway sees it; also one that has weight
        0. It is not when it cannot serve, or fails more than a fifth while another is well."""

    def health(self) -> Mapping[str, Mapping[Target, bool]]:
        """``upstream_health`` of every model, in one call however many there are. A model of ``models`` that is not in
        it cannot be watched: what is written of its route is damaged."""

    def disturb(self, target: Target, disturbance: Disturbance | None) -> None:
        """Drill: do this to every request for ``target`` until it is ended with None. Takes effect at once, and
        does not outlive the gateway's process."""

    def disturbances(self) -> Mapping[Target, Disturbance]:
        """The drills that are on now."""

    def totals(self) -> Mapping[str, Totals]:
        """What each model's callers got since the gateway's process began; a model without requests may be absent."""
