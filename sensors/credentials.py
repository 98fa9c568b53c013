"""Keep the gateway's credentials fresh: identity tokens of Cloud Run live for an hour."""

import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import dagster as dg

from intermodal.assets import ports
from intermodal.assets.specs import specs_of
from intermodal.platform.errors import IntermodalError
from intermodal.platform.ports.endpoints import Endpoint, Upstream, endpoint_name
from intermodal.platform.targets import Target
from intermodal.sensors.toolkit.adapters import adapters_of
from intermodal.sensors.toolkit.concurrency import Answers, gather_with_timeout, round_robin
from intermodal.sensors.toolkit.cursors import shortened

MARGIN_SECONDS = 25 * 60
"""Renewed this long before they expire, so that a few failed ticks do no harm. Those of 1,000 models take five ticks
of a cloud that answers in 0.1 s."""
NEAR_SECONDS = 12 * 60
"""A credential of an upstream with traffic that cannot be renewed so shortly before it expires makes the tick fail:
after three such ticks the heartbeat pages the person on call, who has nine minutes."""
FOREIGN_SHARE = 0.5
"""Of a model that this code location does not define, both begin so much later: at 12.5 and at 6 minutes. Its own
location has had as many ticks by then, so it either fails too or does not exist, and the model still serves."""
RENEWAL_SECONDS = 1.5
"""How long a tick waits for the clouds, all together; the next tick renews the others. Each target has an equal part of
it, so that a silent one costs the others nothing but that."""


@dataclass(frozen=True)
class Due:
    """A credential that expires in ``left`` seconds, of the endpoint that the gateway sends to. ``is_ours``: this code
    location defines its model. ``is_canary``: of the canary, which may be on the same target as the route."""

    served: Endpoint
    left: float
    has_traffic: bool
    is_ours: bool = True
    is_canary: bool = False

    @property
    def name(self) -> str:
        version = f" {self.served.version}" if self.is_canary else ""
        return f"{self.served.model}{version} on {self.served.target}"

    @property
    def is_late(self) -> bool:
        return self.left < _limit(NEAR_SECONDS, self.is_ours) and self.has_traffic


@dg.sensor(
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    required_resource_keys={ports.GATEWAY, ports.DEPLOYMENT, ports.TARGETS},
    description="Renews a credential that the gateway adds for an upstream before it expires.",
)
def gateway_credentials(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    assert context.repository_def is not None
    gateway, now, ours = ports.gateway(context), time.time(), specs_of(context.repository_def)
    urgent, later = list[str](), list[str]()
    due = {each.name: each for each in _due(context, now, ours, urgent, later)}
    answers = _upstreams(context, list(due.values()), now)
    renewed, failed = list[str](), dict(answers.failed)
    for name in (name for name in due if name in answers.found):
        try:
            gateway.renew(due[name].served.model, answers.found[name])
            renewed.append(name)
        except IntermodalError as error:
            failed[name] = error.message
    # One target that is down must not keep the others from being renewed; the next tick tries again.
    urgent += [f"{name}: {why}" for name, why in failed.items() if due[name].is_late]
    later += [f"{name}: {why}" for name, why in failed.items() if not due[name].is_late]
    if later:
        context.log.warning("not renewed: %s", "; ".join(later))
    if urgent:
        raise IntermodalError(
            f"Credentials of the gateway expire soon and could not be renewed: {shortened(urgent)}",
            hint="Without them the cloud refuses the gateway's requests. See that what gives them answers from here.",
        )
    messages = [f"Renewed: {shortened(renewed, ', ')}."] if renewed else []
    messages += [f"Not renewed: {shortened(later)}."] if later else []
    return dg.SkipReason(" ".join(messages) or "No credential expires soon.")


def _due(
    context: dg.SensorEvaluationContext, now: float, ours: Collection[str], urgent: list[str], later: list[str]
) -> Iterator[Due]:
    """The credentials that expire soon. A model whose credentials cannot be read gets a sentence in ``urgent``, or in
    ``later`` when another code location defines it."""
    gateway, environment = ports.gateway(context), ports.deployment(context).environment
    for model in gateway.models():
        is_ours = model in ours
        margin = _limit(MARGIN_SECONDS, is_ours)
        try:
            route, canary = gateway.route(model), gateway.canary(model)
            routes = [each for each in (route, canary and canary.route) if each]
            expiry = {each.version: gateway.credential_expiry(model, each.version) for each in routes}
            near = [
                (each, target)
                for each in routes
                for target in each.weights
                if expiry[each.version].get(target, float("inf")) - now <= margin
            ]
            urls = {each.version: gateway.addresses(model, each.version) for each, _ in near}
        except IntermodalError as error:
            (urgent if is_ours else later).append(f"{model}: {error.message}")
            continue
        for each, target in near:
            if target in urls[each.version]:
                # The endpoint is not read from the cloud, whose API may be down for hours while the endpoint serves.
                name = endpoint_name(model, each.version, environment)
                served = Endpoint(target, name, model, each.version, urls[each.version][target], "ready")
                left = expiry[each.version][target] - now
                yield Due(served, left, target in each.serving, is_ours, each is not route)


def _limit(seconds: float, is_ours: bool) -> float:
    return seconds if is_ours else seconds * FOREIGN_SHARE


def _upstreams(context: dg.SensorEvaluationContext, due: Sequence[Due], now: float) -> Answers[Upstream]:
    """A fresh credential from each target, the late ones first. By turns, for some targets may never answer."""
    by_target: dict[Target, list[Due]] = {}
    late, early = [each for each in due if each.is_late], [each for each in due if not each.is_late]
    for each in round_robin(late, now) + round_robin(early, now):
        by_target.setdefault(each.served.target, []).append(each)
    adapters = adapters_of(context, by_target)
    found, failed = dict[str, Upstream](), dict[str, str]()
    for target, group in by_target.items():
        if target in adapters.unknown:
            failed.update({each.name: adapters.unknown[target] for each in group})
            continue
        calls = {each.name: partial(adapters.found[target].upstream, each.served) for each in group}
        answers = gather_with_timeout(calls, RENEWAL_SECONDS / len(adapters.found))
        found.update(answers.found)
        failed.update(answers.failed)
    return Answers(found, failed)
