"""``intermodal incident``: what cannot serve, and closing by hand what no recovery closes."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click
from rich.markup import escape
from rich.table import Table

from intermodal.cli.adapters import adapters
from intermodal.cli.console import out
from intermodal.platform.errors import NotFound

if TYPE_CHECKING:
    from intermodal.platform.ports.incidents import Incident


@click.group()
def incident() -> None:
    """What cannot serve, and closing by hand what no recovery closes."""


@incident.command("list")
def incident_list() -> None:
    """The incidents that are open."""
    with adapters("incidents") as built:
        show_incidents(built.incidents.all(open_only=True))


@incident.command("close")
@click.argument("id")
@click.option("--because", required=True, metavar="TEXT", help="Why: it is noted in the incident's timeline.")
def incident_close(id: str, because: str) -> None:
    """Close an incident whose recovery cannot come, as when its model or its cloud was taken out of the specs."""
    from intermodal.platform.ports.incidents import Entry

    with adapters("incidents") as built:
        known = built.incidents.get(id)
        if known is None:
            opened = ", ".join(one.id for one in built.incidents.all(open_only=True)) or "none"
            raise NotFound(f"There is no incident '{id}'.", hint=f"Open: {opened}.")
        if not known.is_open:
            out.print(f"{id} was closed already.", highlight=False, soft_wrap=True)
            return
        now = time.time()
        built.incidents.note(id, Entry(now, "closed", "by hand", f"closed by hand: {because}"))
        built.incidents.close(id, now)
    out.print(
        f"{id} is closed, and nothing was moved. While {known.model} has a spec, the job deploy_{known.model} gives "
        f"every cloud its share and replicas again, and the sensor 'outage' opens another incident if {known.cloud} "
        "still cannot serve it.",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


def show_incidents(opened: "Sequence[Incident]") -> None:
    if not opened:
        out.print("No incident is open.")
        return
    table = Table(title="open incidents")
    table.add_column("incident", no_wrap=True)  # to be copied
    for column in ("model", "cloud", "since (UTC)", "last"):
        table.add_column(column, overflow="fold")
    for one in opened:
        since = datetime.fromtimestamp(one.opened_at, UTC).strftime("%Y-%m-%d %H:%M:%S")
        table.add_row(one.id, one.model, one.cloud, since, escape(one.last))
    out.print(table)
