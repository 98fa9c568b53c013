"""What bills on after its run died is found, and removed or scaled back.

Endpoints are looked at, by the tags that every deployment carries (so those of this environment only). Jobs of managed
trainers will be, once there are any: training runs inside Dagster's runs now.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import astuple, replace
from functools import partial
from typing import Any

import dagster as dg

from intermodal.assets import ports
from intermodal.assets.resilience.reap import KEYS, reap, uses
from intermodal.platform.errors import IntermodalError, Unavailable
from intermodal.platform.ports import EndpointTarget
from intermodal.platform.ports.endpoints import Endpoint
from intermodal.platform.ports.notifications import Notice
from intermodal.platform.resilience.orphans import Orphan
from intermodal.platform.targets import TARGETS
from intermodal.sensors.toolkit.champions import champions
from intermodal.sensors.toolkit.cursors import remembered, said
from intermodal.sensors.toolkit.notifications import Tick
from intermodal.sensors.toolkit.single_flight import Pending
from intermodal.sensors.toolkit.surge import helpers, left, resting

LATELY = 300.0
"""Seconds, two ticks: the run that removes asks the registry again."""
SECONDS = 0.7
"""So long does a tick wait for the clouds; a longer list of endpoints is taken up by the next one."""
AT_ONCE = 20
"""Removals asked for in one tick."""
_listing: Pending[Sequence[Endpoint]] = Pending()


@dg.sensor(
    job=reap,
    minimum_interval_seconds=120,
    default_status=dg.DefaultSensorStatus.RUNNING,
    required_resource_keys=KEYS,
    description="Removes endpoints that belong to no route and to no run in progress, scales back helpers that were "
    "left running more than their spec says, and tells people.",
)
def orphans(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    now, known = time.time(), remembered(context, _parse) or {}
    environment = ports.deployment(context).environment
    places = {str(target): ports.place(context, target) for target in TARGETS}
    # The clouds are asked before what is in use: an endpoint that is made and put to use in between is no orphan.
    listed = _listing.ask({n: partial(_endpoints, place, environment) for n, place in places.items()}, SECONDS)
    words = [f"{name} is passed over: {why}" for name, why in listed.failed.items()]
    try:
        used = uses(context, _champions(context, words))
    except IntermodalError as error:
        return dg.SkipReason(f"Not known what is in use, so nothing is removed. {error}")
    people = Tick(context, orphans.name, words)
    kept = {key: orphan for key, orphan in known.items() if key.split("|")[0] in listed.failed}
    requests: list[dg.RunRequest] = []
    for target, endpoints in listed.found.items():
        for endpoint in endpoints:
            key = f"{target}|{endpoint.name}"
            if used.use_of(endpoint):
                continue
            orphan = known.get(key, Orphan(since=now))
            if now >= orphan.due and orphan.asked is None and len(requests) < AT_ONCE:
                requests.append(_request(endpoint, orphan))
                orphan = replace(orphan, asked=now)
            elif now >= orphan.due and orphan.asked is not None and not orphan.told:
                orphan = replace(orphan, told=people.told(_bills_on(endpoint)))
            kept[key] = orphan
            words.append(f"{endpoint.name} on {target} is in nobody's use")
    for key, target, helper in helpers(context, used, listed.found):
        orphan = known.get(key, Orphan(since=now))
        due, notice = now >= orphan.due and len(requests) < AT_ONCE, left(helper, target)
        if not orphan.told and (notice.key in people or (due and orphan.asked is not None)):
            orphan = replace(orphan, told=people.told(notice))
        if due:
            requests.append(resting(context, used, helper, target, orphan))
            orphan = replace(orphan, asked=now)  # and again, until it is done
        kept[key] = orphan
        words.append(f"{helper.model} on {target} may run more than its spec says")
    return dg.SensorResult(
        run_requests=requests,
        cursor=json.dumps({key: astuple(orphan) for key, orphan in kept.items()}),
        skip_reason=None if requests else said(words, "Every endpoint is in use."),
    )


def _parse(data: Mapping[str, Any]) -> dict[str, Orphan]:
    parsed = {}
    for key, (since, asked, told) in data.items():
        parsed[key] = Orphan(float(since), None if asked is None else float(asked), bool(told))
    return parsed


def _champions(context: dg.SensorEvaluationContext, words: list[str]) -> Mapping[str, str] | None:
    try:
        return champions(context, orphans.name, LATELY)
    except Unavailable as error:
        words.append(error.message)
        return None


def _endpoints(place: EndpointTarget, environment: str) -> Sequence[Endpoint]:
    if not place.answers():
        raise Unavailable("it does not answer")
    return place.list(environment)


def _request(endpoint: Endpoint, orphan: Orphan) -> dg.RunRequest:
    config = {"target": str(endpoint.target), "name": endpoint.name}
    return dg.RunRequest(
        run_key=f"{endpoint.target}-{endpoint.name}-{int(orphan.since)}",
        job_name=reap.name,
        run_config={"ops": {"reap_endpoint": {"config": config}}},
        tags={"model": endpoint.model, "intermodal/orphan": f"{endpoint.target}/{endpoint.name}"},
    )


def _bills_on(endpoint: Endpoint) -> Notice:
    return Notice(
        severity="warning",
        title=f"{endpoint.name} on {endpoint.target} bills on",
        text=f"Nobody uses it ({endpoint.model} {endpoint.version}), and the job reap did not remove it. Look at its "
        "run, then delete the endpoint in the cloud's console.",
        owner="team:platform",
        key=f"orphan-{endpoint.target}-{endpoint.name}",
    )
