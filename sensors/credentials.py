"""Keep the gateway's credentials fresh: identity tokens of Cloud Run live for an hour."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import dagster as dg

from intermodal.assets import ports
from intermodal.platform.errors import IntermodalError
from intermodal.platform.ports.endpoints import Endpoint, Upstream, endpoint_name
from intermodal.platform.targets import TARGETS, Target
from intermodal.sensors.toolkit.concurrency import Answers, ask_all, by_turns
from intermodal.sensors.toolkit.cursors import some

MARGIN_SECONDS = 25 * 60
"""Renewed this long before they expire, so that a few failed ticks do no harm. Those of 1,000 models take five ticks
of a cloud that answers in 0.1 s."""
NEAR_SECONDS = 12 * 60
"""A credential of an upstream with traffic that cannot be renewed so shortly before it expires makes the tick fail:
after three such ticks the heartbeat wakes somebody, who has nine minutes."""
SECONDS = 1.5
"""So long may the clouds take, all together; the next tick renews the others. Each has an equal part of it, so that one
that is silent costs the others nothing but that."""


@dataclass(frozen=True)
class Due:
    """A credential that expires in ``left`` seconds, of the endpoint that the gateway sends to."""

    served: Endpoint
    left: float
    has_traffic: bool

    @property
    def name(self) -> str:
        return f"{self.served.model} on {self.served.target.cloud}"

    @property
    def is_late(self) -> bool:
        return self.left < NEAR_SECONDS and self.has_traffic


@dg.sensor(
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    required_resource_keys={
        *(ports.GATEWAY, ports.DEPLOYMENT),
        *(ports.target_key(target) for target in TARGETS),
    },
    description="Renews a credential that the gateway adds for an upstream before it expires.",
)
def gateway_credentials(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    gateway, now = ports.gateway(context), time.time()
    urgent: list[str] = []
    due = {one.name: one for one in _due(context, now, urgent)}
    asked = _upstreams(context, list(due.values()), now)
    renewed, failed = list[str](), dict(asked.failed)
    for name in (one for one in due if one in asked.found):
        try:
            gateway.renew(due[name].served.model, asked.found[name])
            renewed.append(name)
        except IntermodalError as error:
            failed[name] = error.message
    # One cloud that is down must not keep the others from being renewed; the next tick tries again.
    urgent += [f"{name}: {why}" for name, why in failed.items() if due[name].is_late]
    later = [f"{name}: {why}" for name, why in failed.items() if not due[name].is_late]
    if later:
        context.log.warning("not renewed: %s", "; ".join(later))
    if urgent:
        raise IntermodalError(
            f"Credentials of the gateway expire soon and could not be renewed: {some(urgent)}",
            hint="Without them the cloud refuses the gateway's requests. See that what gives them answers from here.",
        )
    words = [f"Renewed: {some(renewed, ', ')}."] if renewed else []
    words += [f"Not renewed: {some(later)}."] if later else []
    return dg.SkipReason(" ".join(words) or "No credential expires soon.")


def _due(context: dg.SensorEvaluationContext, now: float, unknown: list[str]) -> Iterator[Due]:
    """Whose credential expires soon; ``unknown`` gets a sentence for each model of which nobody can say."""
    gateway, environment = ports.gateway(context), ports.deployment(context).environment
    for model in gateway.models():
        try:
            route, expiry = gateway.route(model), gateway.credential_expiry(model)
            near = [target for target in TARGETS if expiry.get(target.cloud, float("inf")) - now <= MARGIN_SECONDS]
            urls = gateway.addresses(model) if near else {}
        except IntermodalError as error:
            unknown.append(f"{model}: {error.message}")
            continue
        for target in near:
            if route is not None and target.cloud in urls:
                # The cloud is not asked for the endpoint: its API may be down for hours while the endpoint serves.
                name = endpoint_name(model, route.version, environment)
                served = Endpoint(target, name, model, route.version, urls[target.cloud], "ready")
                yield Due(served, expiry[target.cloud] - now, target.cloud in route.serving)


def _upstreams(context: dg.SensorEvaluationContext, due: Sequence[Due], now: float) -> Answers[Upstream]:
    """Ask each cloud for its own, the late ones first. By turns, for some may never answer."""
    of_clouds: dict[Target, list[Due]] = {}
    late, early = [one for one in due if one.is_late], [one for one in due if not one.is_late]
    for one in by_turns(late, now) + by_turns(early, now):
        of_clouds.setdefault(one.served.target, []).append(one)
    found, failed = dict[str, Upstream](), dict[str, str]()
    for target, theirs in of_clouds.items():
        ask = ports.place(context, target).upstream
        answers = ask_all({one.name: partial(ask, one.served) for one in theirs}, SECONDS / len(of_clouds))
        found.update(answers.found)
        failed.update(answers.failed)
    return Answers(found, failed)
