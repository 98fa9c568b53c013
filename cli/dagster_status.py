"""What Dagster alone knows of models that serve: drift, deployments that failed, and clouds that wait cold."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from intermodal.platform.targets import TARGETS

if TYPE_CHECKING:
    from intermodal.platform.monitoring.status import EndpointStatus, ModelStatus

AT_ONCE = 8
"""Models that are asked about at the same time."""
SECONDS = 5.0
"""So long may Dagster take for an answer."""


def watched(ui: str, models: "Mapping[str, ModelStatus]") -> "tuple[dict[str, ModelStatus], list[str]]":
    """The models with their cold clouds as well, and a sentence for each whose data has drifted or whose last
    deployment failed. Unavailable when Dagster does not answer."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        cold = dict(zip(models, pool.map(lambda name: list(_cold(ui, name, models[name])), models), strict=True))
        failed = list(pool.map(lambda name: _failed(ui, name), models))
        drifted = list(pool.map(lambda name: _drifted(ui, name, models[name]), models))
    found = {name: replace(model, endpoints=[*model.endpoints, *cold[name]]) for name, model in models.items()}
    return found, [sentence for sentence in [*failed, *drifted] if sentence]


def _cold(ui: str, name: str, model: "ModelStatus") -> "Iterator[EndpointStatus]":
    """Clouds that are not on the route, as they were deployed last."""
    from intermodal.assets.deployment.endpoint import COLD
    from intermodal.platform.monitoring.status import RESTS, EndpointStatus
    from intermodal.resources import dagster_client

    for target in TARGETS:
        if target.cloud not in model.route and not model.problem:
            left = dagster_client.metadata(ui, [name, "endpoint", target.cloud], SECONDS)
            if left.get("state") == COLD:
                yield EndpointStatus(target.cloud, str(target), "", left["version"], RESTS, False)


def _failed(ui: str, name: str) -> str:
    from intermodal.assets.runs import DEPLOYING_JOBS
    from intermodal.resources import dagster_client

    run = dagster_client.failed(ui, name, [f"{job}{name}" for job in DEPLOYING_JOBS], SECONDS)
    return (
        f"The last deployment of {name} failed, and what served goes on. See {dagster_client.page(ui, run)}"
        if run
        else ""
    )


def _drifted(ui: str, name: str, model: "ModelStatus") -> str:
    from intermodal.resources import dagster_client
    from intermodal.resources.storage.addresses import without_passwords

    seen = dagster_client.metadata(ui, [name, "drift"], SECONDS)
    if (seen.get("version"), seen.get("state")) != (model.version, "drifted"):
        return ""
    return f"The data of {name} {model.version} has drifted. See {without_passwords(ui)}/assets/{name}/drift"
