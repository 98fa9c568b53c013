"""Surge replicas that were left when their incident ended: which there are, their run request and their notice."""

from collections.abc import Container, Iterator

import dagster as dg

from intermodal.assets import ports
from intermodal.assets.resilience.reap import reap
from intermodal.assets.specs import specs_of
from intermodal.platform.ports.endpoints import endpoint_name
from intermodal.platform.ports.notifications import Notice
from intermodal.platform.resilience.detection import UpstreamKey
from intermodal.platform.resilience.orphans import Orphan, Surge, Uses


def surges_to_scale_down(used: Uses, listed: Container[str]) -> Iterator[tuple[str, Surge]]:
    """The key in the cursor and the surge, one for each model and target that answers now (``listed``)."""
    seen = set[UpstreamKey]()
    for surge in used.surges:
        key = (surge.model, surge.target)
        if str(surge.target) in listed and surge.model in used.routed and key not in seen:
            seen.add(key)
            yield f"{surge.target}|{surge.model} since {surge.incident}", surge


def scale_down_request(context: dg.SensorEvaluationContext, used: Uses, surge: Surge, orphan: Orphan) -> dg.RunRequest:
    assert context.repository_def is not None
    spec, environment = specs_of(context.repository_def)[surge.model], ports.deployment(context).environment
    name = endpoint_name(surge.model, used.routed[surge.model].version, environment)
    config = {"target": str(surge.target), "name": name, "spec": spec.model_dump_json()}
    return dg.RunRequest(
        run_key=f"scale-down-{surge.incident}-{surge.target}-{int(orphan.due)}",
        job_name=reap.name,
        run_config={"ops": {"reap_endpoint": {"config": config}}},
        tags={"model": surge.model, "intermodal/orphan": f"{surge.target}/{name}"},
    )


def leftover_notice(surge: Surge) -> Notice:
    return Notice(
        severity="warning",
        title=f"{surge.model} on {surge.target} may run more than its spec says",
        text=f"It helped out in the incident {surge.incident}, which is closed, and the job reap could not scale it "
        "back. It is tried again every quarter of an hour. Look at its run.",
        owner="team:platform",
        key=f"left-{surge.incident}-{surge.target}",
    )
