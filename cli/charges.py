"""``intermodal charges``: read bills into the store, and export charges as FOCUS."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from intermodal.cli import adapters
from intermodal.cli.console import err, out
from intermodal.platform.errors import SpecError, Unavailable

if TYPE_CHECKING:
    from intermodal.resources.cost.export import Format

DAY = click.DateTime(["%Y-%m-%d"])
PRINTED_FINDINGS = 20
"""Lines; all findings are in the metadata of the asset ``charges``."""


@click.group()
def charges() -> None:
    """Read bills, and export charges as FOCUS."""


@charges.command("read")
@click.option("--since", type=DAY, required=True, help="The first day, in UTC.")
@click.option("--until", type=DAY, default=None, help="The day after the last one.  [default: tomorrow]")
def charges_read(since: datetime, until: datetime | None) -> None:
    """Read the sources of INTERMODAL_BILLS into the store.

    A bill is replaced whole by its newest state, so reading again changes nothing.
    """
    from intermodal.platform.cost.ingestion import ingest
    from intermodal.resources.bills.sources import BILLS_VARIABLE, EXAMPLE, sources

    found = sources()
    if not found:
        raise SpecError("There are no sources of charges.", hint=f"Set {BILLS_VARIABLE}, for instance to {EXAMPLE}.")
    end = until.date() if until else (datetime.now(UTC) + timedelta(days=1)).date()
    results = ingest(found, adapters.charge_store(), since.date(), end)
    for result in results:
        out.print(f"{result.source}: {result.rows} charges in {result.bills} bills", highlight=False, markup=False)
        for finding in result.findings[:PRINTED_FINDINGS]:
            err.print(f"  {finding}", highlight=False, markup=False, soft_wrap=True)
        if len(result.findings) > PRINTED_FINDINGS:
            err.print(f"  and {len(result.findings) - PRINTED_FINDINGS} more", highlight=False)
    if failed := [result for result in results if result.error]:
        raise Unavailable(
            f"Not read: {'; '.join(f'{each.source}: {each.error}' for each in failed)}",
            hint="Their charges are as they were before.",
        )


@charges.command("export")
@click.option("--format", "file_format", type=click.Choice(["csv", "parquet"]), default="parquet", show_default=True)
@click.option("--focus", default="1.2", show_default=True, help="The version of FOCUS: 1.0, 1.2 or 1.3.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The file to write.")
@click.option("--since", type=DAY, default=None, help="Charges that begin on this day in UTC or later.")
@click.option("--until", type=DAY, default=None, help="Charges that begin before this day in UTC.")
def charges_export(
    file_format: "Format", focus: str, output: Path, since: datetime | None, until: datetime | None
) -> None:
    """Write the stored charges to a file as FOCUS."""
    from intermodal.resources.cost.export import export

    first, end = (day.date() if day else None for day in (since, until))
    count = export(adapters.charges(), output, file_format, focus, first, end)
    out.print(f"{count} charges as FOCUS {focus}: {output}", highlight=False, markup=False, soft_wrap=True)
