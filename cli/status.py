"""``intermodal status``: what serves where."""

import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING

import click
from rich.markup import escape
from rich.table import Table

from intermodal.cli.adapters import adapters
from intermodal.cli.console import out
from intermodal.cli.dagster_status import watched
from intermodal.cli.diagnostics import troubles
from intermodal.cli.incident import show_incidents
from intermodal.platform.errors import Unavailable
from intermodal.platform.targets import TARGETS

if TYPE_CHECKING:
    from intermodal.platform.monitoring.status import Status


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def status(as_json: bool) -> None:
    """What serves where, how the gateway shares traffic, and which incidents are open."""
    now = read_status()
    if as_json:
        click.echo(json.dumps(now.to_dict(), indent=1))
    else:
        show(now)


def read_status() -> "Status":
    from intermodal.assets.ports import target_key
    from intermodal.platform.monitoring.status import Status, statuses
    from intermodal.resources import dagster_client
    from intermodal.resources.environment import environment
    from intermodal.resources.storage.addresses import without_passwords

    with adapters("gateway", "incidents", *(target_key(target) for target in TARGETS)) as built:
        places = [getattr(built, target_key(target)) for target in TARGETS]
        ui, mlflow = (os.environ.get(f"INTERMODAL_{name}_URL", "") for name in ("UI", "MLFLOW"))
        models, seen = statuses(built.gateway, places, environment()), list[str]()
        if ui and dagster_client.jobs(ui):
            with suppress(Unavailable):  # it died just now: the troubles say so
                models, seen = watched(ui, models)
        return Status(
            ui=without_passwords(ui),
            gateway=without_passwords(built.gateway.url),
            mlflow=without_passwords(mlflow),
            troubles=[*troubles(built.gateway.url, ui, mlflow), *seen],
            models=models,
            incidents=built.incidents.all(open_only=True),
        )


def show(now: "Status") -> None:
    from intermodal.platform.monitoring.status import RESTS
    from intermodal.resources.storage.addresses import without_passwords

    for name, model in now.models.items():
        if model.problem:
            out.print(f"[red]{name}[/red]: {escape(model.problem)}")
            continue
        table = Table(title=f"{name} {model.version}")
        for column in ("cloud", "target", "URL", "version", "state", "weight", "p50 ms"):
            table.add_column(column, overflow="fold")
        for served in model.endpoints:
            why = served.reason.partition("<")[0].strip()[:80]  # a front that fails may answer with a page
            well = served.healthy or served.state == RESTS
            state = served.state if well else f"[red]{served.state}[/red] {escape(why)}"
            p50 = "" if served.p50_ms is None else f"{served.p50_ms:.1f}"
            weight = str(model.route.get(served.cloud, 0))
            table.add_row(served.cloud, served.target, served.url, served.version, state, weight, p50)
        out.print(table)
    if not now.models:
        out.print("No model is routed yet. Try: intermodal up")
    show_incidents(now.incidents)
    for trouble in now.troubles:
        out.print(f"[red]{escape(trouble)}[/red]", highlight=False, soft_wrap=True)
    places = {"gateway": now.gateway, "UI": now.ui, "MLflow": now.mlflow}
    places["Prometheus"] = without_passwords(os.environ.get("INTERMODAL_PROMETHEUS_URL", ""))
    known = "   ".join(f"{name} {address}" for name, address in places.items() if address)
    out.print(known, highlight=False, soft_wrap=True)
