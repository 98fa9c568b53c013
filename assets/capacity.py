"""Make the clouds run what the open incidents ask for, and move traffic there. Every step may be repeated."""

import logging
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from intermodal.assets.deploying import deploy_request, golden_of_mirror, prove
from intermodal.platform import failover, ports
from intermodal.platform.clouds import Cloud
from intermodal.platform.endpoints import Endpoint, Upstream
from intermodal.platform.errors import IntermodalError, NotFound
from intermodal.platform.incidents import Entry, Incident, Step
from intermodal.platform.notices import Notice
from intermodal.platform.routing import Route
from intermodal.platform.spec import ModelSpec


@dataclass(frozen=True)
class Ports:
    """All that a failover works with. ``deploying``: whether a run deploys a model now. ``now`` gives Unix seconds;
    ``pause`` waits, in seconds."""

    gateway: ports.Gateway
    incidents: ports.Incidents
    notifier: ports.Notifier
    deployment: ports.Deployment
    stores: Mapping[Cloud, ports.ObjectStore]
    places: Mapping[Cloud, ports.EndpointTarget]
    registry: ports.ModelRegistry | None = None
    deploying: Callable[[str], bool] = lambda _: False
    log: logging.Logger = field(default=logging.getLogger(__name__))
    now: Callable[[], float] = time.time
    pause: Callable[[float], None] = time.sleep

    def note(self, incident: Incident, step: Step, key: str, text: str) -> Incident:
        if not incident.has(step, key):
            self.log.info("%s: %s: %s", incident.id, step, text)
        return self.incidents.note(incident.id, Entry(self.now(), step, key, text))

    def down(self, model: str) -> frozenset[Cloud]:
        """The clouds with an open incident."""
        return frozenset(one.cloud for one in self.incidents.all(model, open_only=True))

    def route(self, model: str) -> Route:
        route = self.gateway.route(model)
        if route is None:
            raise NotFound(f"The gateway has no route for '{model}'.", hint=f"Run the job deploy_{model} first.")
        return route


def tell(at: Ports, incident: Incident, key: str, notice: Notice) -> Incident:
    """Tell people once. A notifier that fails keeps nothing from going on; whoever comes next tries again.

    Killed between telling and noting, people are told twice: better than never.
    """
    if incident.has("told", key):
        return incident
    try:
        told = at.notifier.tell(notice)
    except IntermodalError as error:
        at.log.error("telling people failed: %s", error)
        return at.note(incident, "note", f"not-told-{key}", f"telling people failed: {error.message}")
    text = notice.title if told else f"nobody is configured to be told (INTERMODAL_NOTIFY): {notice.title}"
    return at.note(incident, "told", key, text)


def serve(at: Ports, spec: ModelSpec, cloud: Cloud, version: str, replicas: int, down: Collection[Cloud]) -> Endpoint:
    """The version on the cloud with so many replicas, proved with the golden rows of its mirror.

    When its object store does not answer, a living cloud's mirror has the same rows.
    """
    place, store = at.places[cloud], at.stores[cloud]
    at.log.info("%s: %s %s with %d replicas", place.target, spec.name, version, replicas)
    served = place.deploy(deploy_request(spec, at.deployment, store, version, replicas))
    for last, source in _mirrors(spec, cloud, down):
        try:
            body, golden = golden_of_mirror(at.stores[source], spec.name, version)
        except IntermodalError as error:
            at.log.warning("no golden rows from %s: %s", source, error)
            if last:
                raise
        else:
            prove(place, served.name, body, golden)
            break
    return served


def _mirrors(spec: ModelSpec, cloud: Cloud, down: Collection[Cloud]) -> list[tuple[bool, Cloud]]:
    """The cloud, then the others that live; True with the last."""
    clouds = [cloud, *(one for one in failover.order_of(spec) if one != cloud and one not in down)]
    return [(one == clouds[-1], one) for one in clouds]


@dataclass(frozen=True)
class Capacity:
    """``upstreams`` of the clouds that run more than usual; ``refused``: cloud → why it could not take more."""

    upstreams: Mapping[Cloud, Upstream]
    refused: Mapping[Cloud, str]

    def text(self, spec: ModelSpec, down: Collection[Cloud]) -> str:
        counts = failover.helpers(spec, down, self.refused)
        taken = ", ".join(f"{cloud} runs {count}" for cloud, count in counts.items()) or "nothing had to be replaced"
        return "; ".join([taken, *(f"{cloud} could not: {why}" for cloud, why in self.refused.items())])


def take_over(at: Ports, spec: ModelSpec, version: str, down: Collection[Cloud]) -> Capacity:
    """Give each dead cloud's replicas to the next living one in the failover order, and past one that cannot take them.

    Raises the last reason when nobody could.
    """
    refused: dict[Cloud, str] = {}
    while True:
        upstreams: dict[Cloud, Upstream] = {}
        for cloud, count in failover.helpers(spec, down, refused).items():
            try:
                upstreams[cloud] = at.places[cloud].upstream(serve(at, spec, cloud, version, count, down))
            except IntermodalError as error:
                at.log.warning("%s cannot take over for %s: %s", cloud, ", ".join(sorted(down)), error)
                refused[cloud] = error.message
                if not set(failover.wanted(spec, down)) - set(refused):
                    raise
                break
        else:
            return Capacity(upstreams, refused)


def running(spec: ModelSpec, down: Collection[Cloud], route: Route) -> frozenset[Cloud]:
    """The living clouds that serve the route's version now: all that should but a cold one without traffic."""
    return frozenset(
        cloud
        for cloud in failover.wanted(spec, down)
        if cloud in route.weights and (cloud not in spec.failover.cold or route.weights[cloud])
    )


def move(
    at: Ports,
    spec: ModelSpec,
    version: str,
    down: Collection[Cloud],
    added: Mapping[Cloud, Upstream],
    unable: Collection[Cloud],
    stay: bool = True,
) -> bool:
    """Traffic as the policy says over what runs and what is ``added``; False when there is nobody to send it to.

    ``unable`` took nothing over from the dead clouds, so they get no more traffic than is theirs. ``stay``: cold clouds
    that have traffic keep it. Raises Moved when another version was published meanwhile.
    """
    route = at.route(spec.name)
    if route.version != version:
        raise Moved(f"'{spec.name}' went from {version} to {route.version} meanwhile.")
    serving = {*running(spec, down, route), *added}
    if not stay:
        serving = {cloud for cloud in serving if cloud in added or failover.wanted(spec, down)[cloud]}
    if not serving:
        return False
    weights = failover.shares(spec, down, serving, unable)
    if added or any(route.weights.get(cloud, 0) != weights.get(cloud, 0) for cloud in {*route.weights, *weights}):
        at.gateway.shift(spec.name, weights, list(added.values()))
    return True


class Moved(IntermodalError):
    """A new version was published while a failover worked on the old one: begin again."""


def again_when_moved(work: Callable[[], Incident], tries: int = 3) -> Incident:
    for _ in range(tries - 1):
        try:
            return work()
        except Moved:
            continue
    return work()
