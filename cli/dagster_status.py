"""The status that only Dagster has: drift, failed deployments and cold targets."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

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
    """Targets that run nothing by the spec, and are not on the route."""
    from intermodal.platform.monitoring.status import COLD, EndpointStatus
    from intermodal.platform.resilience.failover_plan import desired_replicas
    from intermodal.platform.spec import ModelSpec
    from intermodal.resources import dagster_client

    if model.problem:
        return
    text = dagster_client.definition_metadata(ui, [name, "route"], ANSWER_SECONDS).get(SPEC)
    spec = ModelSpec.model_validate_json(text) if text else None
    for target, replicas in (desired_replicas(spec) if spec else {}).items():
        if not replicas and str(target) not in model.route:
            yield EndpointStatus(str(target), "", model.version, COLD, False)


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

    drift = [name, "drift"]
    if dagster_client.check_passed(ui, drift, "no_drift", ANSWER_SECONDS) is not False:
        return ""
    if dagster_client.metadata(ui, drift, ANSWER_SECONDS).get("version") != model.version:
        return ""  # of the version that was replaced
    return f"The data of {name} {model.version} has drifted. See {without_passwords(ui)}/assets/{name}/drift"
