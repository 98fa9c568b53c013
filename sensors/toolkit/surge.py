"""Helpers that were left scaled up when their incident ended: who they are, and what is asked for and told."""

from collections.abc import Container, Iterator

import dagster as dg

from intermodal.assets import ports
from intermodal.assets.resilience.reap import reap
from intermodal.assets.specs import specs_of
from intermodal.platform.ports.endpoints import endpoint_name
from intermodal.platform.ports.notifications import Notice
from intermodal.platform.resilience.orphans import Helper, Orphan, Uses
from intermodal.platform.targets import Cloud, parse_target


def helpers(
    context: dg.SensorEvaluationContext, used: Uses, answered: Container[str]
) -> Iterator[tuple[str, str, Helper]]:
    """What to remember each by, its target, and the helper; one for each model and cloud that can be asked now."""
    assert context.repository_def is not None
    specs, seen = specs_of(context.repository_def), set[tuple[str, Cloud]]()
    for helper in used.left:
        lane, spec = (helper.model, helper.cloud), specs.get(helper.model)
        target = next((one for one in (spec.serve if spec else ()) if parse_target(one).cloud == helper.cloud), "")
        if target in answered and helper.model in used.routed and lane not in seen:
            seen.add(lane)
            yield f"{target}|{helper.model} since {helper.incident}", target, helper


def resting(
    context: dg.SensorEvaluationContext, used: Uses, helper: Helper, target: str, orphan: Orphan
) -> dg.RunRequest:
    assert context.repository_def is not None
    spec, environment = specs_of(context.repository_def)[helper.model], ports.deployment(context).environment
    name = endpoint_name(helper.model, used.routed[helper.model].version, environment)
    config = {"target": target, "name": name, "spec": spec.model_dump_json()}
    return dg.RunRequest(
        run_key=f"rest-{helper.incident}-{helper.cloud}-{int(orphan.due)}",
        job_name=reap.name,
        run_config={"ops": {"reap_endpoint": {"config": config}}},
        tags={"model": helper.model, "intermodal/orphan": f"{target}/{name}"},
    )


def left(helper: Helper, target: str) -> Notice:
    return Notice(
        severity="warning",
        title=f"{helper.model} on {target} may run more than its spec says",
        text=f"It helped out in the incident {helper.incident}, which is closed, and the job reap could not scale it "
        "back. It is tried again every quarter of an hour. Look at its run.",
        owner="team:platform",
        key=f"left-{helper.incident}-{helper.cloud}",
    )
