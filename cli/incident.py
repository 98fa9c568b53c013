"""``intermodal incident``: list open incidents, and close one that no recovery closes."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from intermodal.cli import adapters
from intermodal.cli.console import out
from intermodal.platform.errors import NotFound

if TYPE_CHECKING:
    from intermodal.platform.ports.incidents import Incident


@click.group()
def incident() -> None:
    """List open incidents, and close one that no recovery closes."""


@incident.command("list")
def incident_list() -> None:
    """List the open incidents."""
    show_incidents(adapters.incidents().all(open_only=True))


@incident.command("close")
@click.argument("id")
@click.option("--because", required=True, metavar="TEXT", help="The reason, which is noted in the incident's timeline.")
def incident_close(id: str, because: str) -> None:
    """Close an incident that cannot recover, for instance when its model or target was removed from the specs."""
    from intermodal.platform.ports.incidents import Entry

    incidents = adapters.incidents()
    known = incidents.get(id)
    if known is None:
        opened = ", ".join(incident.id for incident in incidents.all(open_only=True)) or "none"
        raise NotFound(f"There is no incident '{id}'.", hint=f"Open: {opened}.")
    if not known.is_open:
        out.print(f"{id} was closed already.", highlight=False, soft_wrap=True)
        return
    now = time.time()
    incidents.note(id, Entry(now, "closed", "by hand", f"closed by hand: {because}"))
    incidents.close(id, now)
    out.print(
        f"{id} is closed, and no traffic was shifted. While {known.model} has a spec, the job deploy_{known.model} "
        "gives every target its weight and replicas again, and the sensor 'outage' opens another incident if "
        f"{known.target} still cannot serve it.",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


def show_incidents(opened: "Sequence[Incident]") -> None:
    """Two lines each and no table, so that an id can be copied whole from a terminal of 80 columns."""
    if not opened:
        out.print("No incident is open.")
        return
    out.print("Open incidents:", highlight=False)
    for incident in opened:
        since = datetime.fromtimestamp(incident.opened_at, UTC).strftime("%Y-%m-%d %H:%M:%S")
        for line in (f"  {incident.id}  since {since} UTC", f"    {incident.last}"):
            out.print(line.rstrip(), highlight=False, markup=False, soft_wrap=True)
