"""``intermodal spend``: what was spent, by what it was for."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from intermodal.cli import adapters
from intermodal.cli.charges import DAY
from intermodal.cli.console import err
from intermodal.cli.tables import MAX_WIDTH

if TYPE_CHECKING:
    from intermodal.platform.cost.spend import Spend

UNATTRIBUTED = "(unattributed)"
WITHOUT_COST = "{} charges have no cost. They are in no sum."
EMPTY = "There are no charges since {}. 'intermodal charges read' reads bills."


@click.command()
@click.option(
    "--by",
    default="team",
    show_default=True,
    metavar="DIMENSION[,..]",
    help="team, model, cloud, site, target, environment, stage, source or day.",
)
@click.option("--since", type=DAY, default=None, help="The first day, in UTC.  [default: the month's first]")
@click.option("--until", type=DAY, default=None, help="The day after the last one.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output; amounts are exact, as text.")
def spend(by: str, since: datetime | None, until: datetime | None, as_json: bool) -> None:
    """What was spent, by team, model or another dimension.

    Billed is what invoices say. Effective spreads commitments over what used them. Currencies are never added.
    """
    dimensions = [name.strip() for name in by.split(",") if name.strip()]
    first = since.date() if since else datetime.now(UTC).date().replace(day=1)
    sums = adapters.charges().spend(dimensions, first, until.date() if until else None)
    if as_json:
        click.echo(json.dumps(_document(dimensions, first, sums), indent=1))
    else:
        show(dimensions, first, sums)


def _document(dimensions: Sequence[str], since: date, sums: "Sequence[Spend]") -> dict[str, object]:
    rows = [
        {
            **dict(zip(dimensions, each.by, strict=True)),
            "currency": each.currency,
            "billed": f"{each.billed:f}",
            "effective": f"{each.effective:f}",
            "charges": each.charges,
            "without_cost": each.without_cost,
        }
        for each in sums
    ]
    return {"since": since.isoformat(), "spend": rows}


def show(dimensions: Sequence[str], since: date, sums: "Sequence[Spend]") -> None:
    """A line for each sum, and the total of each currency."""
    from intermodal.platform.cost.spend import cents

    if not sums:
        err.print(EMPTY.format(since), highlight=False)
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in dimensions:
        table.add_column(Text(name), overflow="fold")
    for name in ("billed", "effective", "charges"):
        table.add_column(Text(name), justify="right", no_wrap=True)
    table.add_column(Text("currency"), no_wrap=True)
    for currency in dict.fromkeys(each.currency for each in sums):
        same = [each for each in sums if each.currency == currency]
        lines = [(each.by, each.billed, each.effective, each.charges) for each in same]
        total = ("total", *[""] * (len(dimensions) - 1)) if dimensions else ()
        if len(same) > 1:
            billed = sum((each.billed for each in same), Decimal())
            effective = sum((each.effective for each in same), Decimal())
            lines.append((total, billed, effective, sum(each.charges for each in same)))
        for by, billed, effective, charges in lines:
            names = [Text(UNATTRIBUTED if name is None else name) for name in by]
            table.add_row(*names, f"{cents(billed):,}", f"{cents(effective):,}", f"{charges:,}", Text(currency))
    console = Console(highlight=False)
    console.print(table, width=min(MAX_WIDTH, console.width))
    if missing := sum(each.without_cost for each in sums):
        err.print(WITHOUT_COST.format(missing), highlight=False)
