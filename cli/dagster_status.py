"""The status that only Dagster has: drift, failed deployments and cold targets."""

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from intermodal.platform.targets import parse_target

if TYPE_CHECKING:
    from intermodal.platform.monitoring.status import EndpointStatus, ModelStatus

CONCURRENT_MODELS = 8
"""Models that Dagster is queried for at the same time."""
ANSWER_SECONDS = 5.0
"""How long Dagster has for an answer."""
DEPLOYING_JOBS = ("deploy_", "train_and_deploy_", "retrain_")
"""As in assets/runs.py, which is not imported: the package of assets takes seconds."""
SPEC = "intermodal/spec"
"""As in assets/specs.py."""


def watched(ui: str, models: "Mapping[str, ModelStatus]") -> "tuple[dict[str, ModelStatus], list[str]]":
    """The models with their cold targets as well, and a sentence for each whose data has drifted or whose last
    deployment failed. Unavailable when Dagster does not answer."""
    with ThreadPoolExecutor(CONCURRENT_MODELS) as pool:
        cold = dict(zip(models, pool.map(lambda name: list(_cold(ui, name, models[name])), models), strict=True))
        failed = list(pool.map(lambda name: _failed(ui, name), models))
        drifted = list(pool.map(lambda name: _drifted(ui, name, models[name]), models))
    found = {name: replace(model, endpoints=[*model.endpoints, *cold[name]]) for name, model in models.items()}
    return found, [sentence for sentence in [*failed, *drifted] if sentence]


def _cold(ui: str, name: str, model: "ModelStatus") -> "Iterator[EndpointStatus]":
    """Targets of the spec that are not on the route, as they were deployed last."""
    from intermodal.platform.monitoring.status import COLD, EndpointStatus
    from intermodal.resources import dagster_client

    if model.problem:
        return
    spec = dagster_client.definition_metadata(ui, [name, "route"], ANSWER_SECONDS).get(SPEC, "{}")
    for target in map(parse_target, json.loads(spec).get("serve", ())):
        if str(target) in model.route:
            continue
        region = f"-{target.region}" if target.region else ""
        for part in (f"{target.kind}{region}", f"{target.cloud}-{target.kind}{region}"):  # assets/keys.py
            last = dagster_client.metadata(ui, [name, "endpoint", part], ANSWER_SECONDS)
            if last.get("target") == str(target) and str(last.get("state")).startswith(COLD):
                yield EndpointStatus(str(target), "", last["version"], COLD, False)


def _failed(ui: str, name: str) -> str:
    from intermodal.resources import dagster_client

    run = dagster_client.failed(ui, name, [f"{job}{name}" for job in DEPLOYING_JOBS], ANSWER_SECONDS)
    return (
        f"The last deployment of {name} failed, and what served goes on. See {dagster_client.page(ui, run)}"
        if run
        else ""
    )


def _drifted(ui: str, name: str, model: "ModelStatus") -> str:
    from intermodal.resources import dagster_client
    from intermodal.resources.storage.addresses import without_passwords

    last = dagster_client.metadata(ui, [name, "drift"], ANSWER_SECONDS)
    if (last.get("version"), last.get("state")) != (model.version, "drifted"):
        return ""
    return f"The data of {name} {model.version} has drifted. See {without_passwords(ui)}/assets/{name}/drift"
