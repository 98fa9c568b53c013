"""``intermodal status``: what serves where."""

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import click
from rich.markup import escape
from rich.table import Table

from intermodal.cli import adapters
from intermodal.cli.console import out
from intermodal.cli.dagster_status import watched
from intermodal.cli.diagnostics import troubles
from intermodal.cli.incident import show_incidents
from intermodal.platform.errors import IntermodalError, Unavailable

if TYPE_CHECKING:
    from intermodal.platform.monitoring.status import EndpointStatus, ModelStatus, Status
    from intermodal.platform.ports import Gateway
    from intermodal.platform.ports.incidents import Incident
    from intermodal.platform.targets import Target


@click.command()
@click.option("--wide", is_flag=True, help="Also call every target's own API: its state, latency and address.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
def status(wide: bool, as_json: bool) -> None:
    """What serves where, how the gateway weights traffic, and which incidents are open.

    States are the gateway's: no cloud's API is called without --wide.
    """
    now = read_status(wide)
    if as_json:
        click.echo(json.dumps(now.to_dict(), indent=1))
    else:
        show(now, wide)


def read_status(wide: bool = True) -> "Status":
    """``wide``: each endpoint as its own cloud reports it; otherwise as the gateway sees it, which imports no SDK."""
    from intermodal.platform.monitoring.status import Status, statuses
    from intermodal.resources import dagster_client
    from intermodal.resources.storage.addresses import without_passwords

    gateway, incidents = adapters.gateway(), adapters.incidents()
    ui, mlflow = (os.environ.get(f"INTERMODAL_{name}_URL", "") for name in ("UI", "MLFLOW"))
    if wide:
        from intermodal.resources.settings import environment

        models = statuses(gateway, adapters.targets(), environment())
    else:
        models = routed(gateway)
    noticed = list[str]()
    if ui and dagster_client.jobs(ui):
        with suppress(Unavailable):  # it ended just now: the troubles say so
            models, noticed = watched(ui, models)
    opened: Sequence[Incident] | None = None
    try:
        opened = incidents.all(open_only=True)
    except IntermodalError as error:
        noticed.append(f"The incidents cannot be read: {error}")
    return Status(
        ui=without_passwords(ui),
        gateway=without_passwords(gateway.url),
        mlflow=without_passwords(mlflow),
        troubles=[*troubles(gateway.url, ui, mlflow), *noticed],
        models=models,
        incidents=opened,
    )


def routed(gateway: "Gateway") -> "dict[str, ModelStatus]":
    """Every routed model as the gateway sees it."""
    names = gateway.models()
    health: Mapping[str, Mapping[Target, bool]] | None = None
    if names:
        with suppress(Unavailable):  # the troubles say so
            health = gateway.health()
    found = {name: _routed(gateway, name, None if health is None else health.get(name, {})) for name in names}
    return {name: model for name, model in found.items() if model is not None}


def _routed(gateway: "Gateway", name: str, health: "Mapping[Target, bool] | None") -> "ModelStatus | None":
    from intermodal.platform.monitoring.status import EndpointStatus, ModelStatus, canary_of

    try:
        route, addresses, canary = gateway.route(name), gateway.addresses(name), canary_of(gateway, name)
    except IntermodalError as error:
        return ModelStatus("", {}, (), f"{error.message} {error.hint}")
    if route is None:
        return None
    endpoints = []
    for target in route.weights:
        healthy = health is not None and health.get(target, False)
        state = "unknown" if health is None else "ready" if healthy else "unavailable"
        endpoints.append(EndpointStatus(str(target), addresses.get(target, ""), route.version, state, healthy))
    weights = {str(target): weight for target, weight in route.weights.items()}
    return ModelStatus(route.version, weights, endpoints, canary=canary)


def show(now: "Status", wide: bool = False) -> None:
    from intermodal.resources.storage.addresses import without_passwords

    for name, model in now.models.items():
        if model.problem:
            out.print(f"[red]{name}[/red]: {escape(model.problem)}")
        else:
            _show_model(name, model, wide)
    if not now.models:
        out.print("No model is routed yet. Try: intermodal up")
    if now.incidents is not None:  # unreadable is not none: a trouble has the reason
        show_incidents(now.incidents)
    for trouble in now.troubles:
        out.print(f"[red]{escape(trouble)}[/red]", highlight=False, soft_wrap=True)
    addresses = {"gateway": now.gateway, "UI": now.ui, "MLflow": now.mlflow}
    addresses["Prometheus"] = without_passwords(os.environ.get("INTERMODAL_PROMETHEUS_URL", ""))
    for name, address in addresses.items():
        if address:
            out.print(f"{name:<11}{address}", highlight=False, soft_wrap=True)


def _show_model(name: str, model: "ModelStatus", wide: bool) -> None:
    """A table of 80 columns; reasons and addresses, which have any length, on lines of their own below it."""
    columns = ("target", "version", "state", "weight", *(("p50 ms",) if wide else ()))
    table = Table(title=f"{name} {model.version}")
    for column in columns:
        table.add_column(column, overflow="fold")
    for endpoint in model.endpoints:
        state = endpoint.state if _well(endpoint) else f"[red]{endpoint.state}[/red]"
        p50 = "" if endpoint.p50_ms is None else f"{endpoint.p50_ms:.1f}"
        row = (endpoint.target, endpoint.version, state, str(model.route.get(endpoint.target, 0)), p50)
        table.add_row(*row[: len(columns)])
    out.print(table)
    if model.canary:
        out.print(
            f"  {model.canary.share} % of requests go to {model.canary.version}: intermodal rollout status {name}",
            highlight=False,
            soft_wrap=True,
        )
    for endpoint in model.endpoints:
        why = endpoint.reason.partition("<")[0].strip()[:80]  # a front that fails may answer with a page
        if why and not _well(endpoint):
            out.print(f"  {endpoint.target}: {why}", highlight=False, markup=False, soft_wrap=True)
        if wide and endpoint.url:
            out.print(f"  {endpoint.target}  {endpoint.url}", highlight=False, markup=False, soft_wrap=True)


def _well(endpoint: "EndpointStatus") -> bool:
    from intermodal.platform.monitoring.status import COLD

    return endpoint.healthy or endpoint.state == COLD
