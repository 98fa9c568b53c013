"""What costs money after the run that made it died is found, and removed or scaled down.

Endpoints are found by the tags that every deployment carries (so those of this environment only). Jobs of managed
trainers will be, once there are any: training runs inside Dagster's runs now.
"""

import json
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from functools import partial
from typing import Any

import dagster as dg

from intermodal.assets import ports
from intermodal.assets.resilience.reap import KEYS, reap, uses
from intermodal.assets.specs import specs_of
from intermodal.platform.errors import IntermodalError, Unavailable
from intermodal.platform.ports import EndpointTarget
from intermodal.platform.ports.endpoints import Endpoint
from intermodal.platform.ports.notifications import Notice
from intermodal.platform.resilience.orphans import Orphan, Uses
from intermodal.platform.targets import Target, parse_target
from intermodal.sensors.toolkit.adapters import adapters_of, platform_targets
from intermodal.sensors.toolkit.champions import champions
from intermodal.sensors.toolkit.concurrency import Answers, SingleFlight
from intermodal.sensors.toolkit.cursors import remembered, skip_reason
from intermodal.sensors.toolkit.notifications import TickNotifier
from intermodal.sensors.toolkit.surge import leftover_notice, scale_down_request, surges_to_scale_down

MAX_CHAMPIONS_AGE_SECONDS = 300.0
"""Two ticks: the run that removes reads the registry again."""
LISTING_SECONDS = 0.7
"""How long a tick waits for the clouds; a longer list of endpoints is taken up by the next one."""
REQUESTS_PER_TICK = 20
TARGETS_ENTRY = "targets"
"""The cursor's entry that is no orphan."""
_listing: SingleFlight[Sequence[Endpoint]] = SingleFlight()


@dataclass(frozen=True)
class Memory:
    """The orphans by ``<target>|<name>``, and the targets that may still run something of ours: those that no spec and
    no route names any more are looked at until they are empty."""

    orphans: Mapping[str, Orphan] = field(default_factory=dict)
    targets: tuple[Target, ...] = ()

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Memory":
        orphans = {}
        for key, (since, requested, requests) in ((key, each) for key, each in data.items() if key != TARGETS_ENTRY):
            orphans[key] = Orphan(float(since), None if requested is None else float(requested), int(requests))
        try:
            return cls(orphans, tuple(parse_target(text) for text in data.get(TARGETS_ENTRY, ())))
        except IntermodalError as error:
            raise ValueError(error.message) from error

    def to_json(self) -> str:
        entries = {key: astuple(orphan) for key, orphan in self.orphans.items()}
        return json.dumps({TARGETS_ENTRY: [str(target) for target in self.targets], **entries})


@dg.sensor(
    job=reap,
    minimum_interval_seconds=120,
    default_status=dg.DefaultSensorStatus.RUNNING,
    required_resource_keys=set(KEYS),
    description="Removes endpoints that belong to no route and to no run in progress, scales down surge replicas that "
    "were left when their incident ended, and notifies people.",
)
def orphans(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    assert context.repository_def is not None
    now, memory, specs = (
        time.time(),
        remembered(context, Memory.from_dict) or Memory(),
        specs_of(context.repository_def),
    )
    messages, known = list[str](), memory.orphans
    try:
        # The clouds are listed before what is in use is read: an endpoint that is made and put to use in between is no
        # orphan.
        listed = _listed(context, (*platform_targets(context, specs), *memory.targets))
        targets = {name: spec.targets for name, spec in specs.items()}
        used = uses(context, _champions(context, messages), targets)
    except IntermodalError as error:
        return dg.SkipReason(f"Not known what is in use, so nothing is removed. {error}")
    messages += [f"{target} is passed over: {why}" for target, why in listed.failed.items()]
    notifier = TickNotifier(context, orphans.name, messages)
    kept = {key: orphan for key, orphan in known.items() if key.split("|")[0] in listed.failed}
    requests: list[dg.RunRequest] = []
    for target, endpoints in listed.found.items():
        for endpoint in endpoints:
            key = f"{target}|{endpoint.name}"
            if used.use_of(endpoint) or _may_be_elsewhere(endpoint, specs, used):
                continue
            orphan = known.get(key, Orphan(since=now))
            if now >= orphan.due and orphan.requests:
                notifier.deliver(_orphan_notice(endpoint, orphan))
            elif now >= orphan.due and len(requests) < REQUESTS_PER_TICK:
                requests.append(_request(endpoint, orphan))
                orphan = orphan.removal_requested(now)
            kept[key] = orphan
            messages.append(f"{endpoint.name} on {target} is not in use")
    for key, surge in surges_to_scale_down(used, listed.found):
        orphan = known.get(key, Orphan(since=now))
        if now >= orphan.due and len(requests) < REQUESTS_PER_TICK:
            requests.append(scale_down_request(context, used, surge, orphan))
            orphan = orphan.removal_requested(now)  # and again, until it is done
        if orphan.requests > 1:
            notifier.deliver(leftover_notice(surge))
        kept[key] = orphan
        messages.append(f"{surge.model} on {surge.target} may run more than its spec says")
    may_run = [name for name in (*listed.found, *listed.failed) if listed.found.get(name, True)]
    return dg.SensorResult(
        run_requests=requests,
        cursor=Memory(kept, tuple(map(parse_target, may_run))).to_json(),
        skip_reason=None if requests else skip_reason(messages, "Every endpoint is in use."),
    )


def _listed(context: dg.SensorEvaluationContext, targets: Sequence[Target]) -> Answers[Sequence[Endpoint]]:
    """The endpoints of each target, by its text. A target without an adapter fails: nothing is known of it."""
    adapters, environment = adapters_of(context, targets), ports.deployment(context).environment
    calls = {str(target): partial(_endpoints, adapter, environment) for target, adapter in adapters.found.items()}
    answers = _listing.gather(calls, LISTING_SECONDS)
    unknown = {str(target): why for target, why in adapters.unknown.items()}
    return Answers(answers.found, {**answers.failed, **unknown})


def _may_be_elsewhere(endpoint: Endpoint, ours: Collection[str], used: Uses) -> bool:
    """Whether another code location may define the endpoint's model: its model is on the gateway or has a champion, or
    the champions are not known. That location's own sensor judges it."""
    if endpoint.model in ours:
        return False
    return endpoint.model in used.routed or used.champions is None or endpoint.model in used.champions


def _champions(context: dg.SensorEvaluationContext, messages: list[str]) -> Mapping[str, str] | None:
    try:
        found = champions(context, orphans.name, MAX_CHAMPIONS_AGE_SECONDS)
        return {name: champion.version for name, champion in found.items()}
    except Unavailable as error:
        messages.append(error.message)
        return None


def _endpoints(adapter: EndpointTarget, environment: str) -> Sequence[Endpoint]:
    if not adapter.answers():
        raise Unavailable("it does not answer")
    return adapter.list(environment)


def _request(endpoint: Endpoint, orphan: Orphan) -> dg.RunRequest:
    config = {"target": str(endpoint.target), "name": endpoint.name}
    return dg.RunRequest(
        run_key=f"{endpoint.target}-{endpoint.name}-{int(orphan.since)}",
        job_name=reap.name,
        run_config={"ops": {"reap_endpoint": {"config": config}}},
        tags={"model": endpoint.model, "intermodal/orphan": f"{endpoint.target}/{endpoint.name}"},
    )


def _orphan_notice(endpoint: Endpoint, orphan: Orphan) -> Notice:
    return Notice(
        severity="warning",
        title=f"{endpoint.name} on {endpoint.target} still costs money",
        text=f"It is not in use ({endpoint.model} {endpoint.version}), and the job reap did not remove it. Look at its "
        "run, then delete the endpoint in the cloud's console.",
        owner="team:platform",
        key=f"orphan-{endpoint.target}-{endpoint.name}-{int(orphan.since)}",
    )
