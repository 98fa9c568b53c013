"""``charges``: what was spent, as FOCUS rows in the store.

It is one asset for all models, so one code location has it: the one whose environment names sources of bills.
"""

import dagster as dg

from intermodal.assets import ports
from intermodal.platform.cost.ingestion import Ingested, ingest
from intermodal.platform.errors import Unavailable

FIRST_DAY = "2024-06-01"
"""FOCUS 1.0 is of June 2024."""
MAX_FINDINGS = 100
"""Lines in the metadata."""


@dg.asset(
    name="charges",
    group_name="cost",
    kinds={"parquet"},
    owners=["team:finops"],
    description="Charges of all sources of INTERMODAL_BILLS, as FOCUS. A day reads the bills that it is in, whole: "
    "materializing it again changes nothing, and a corrected bill replaces its older state.",
    partitions_def=dg.DailyPartitionsDefinition(start_date=FIRST_DAY, timezone="UTC"),
    backfill_policy=dg.BackfillPolicy.single_run(),
    required_resource_keys={ports.BILLS, ports.CHARGES},
)
def charges(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    """Unavailable when a source was not read; what the others have is stored by then."""
    window = context.partition_time_window
    results = ingest(ports.bills(context), ports.charges(context), window.start.date(), window.end.date())
    if failed := [f"{each.source}: {each.error}" for each in results if each.error]:
        hint = "Their charges are as they were before. Materialize the day again."
        raise Unavailable(f"Not read: {'; '.join(failed)}", hint=hint)
    return dg.MaterializeResult(metadata=_metadata(results))


def _metadata(results: list[Ingested]) -> dict[str, dg.MetadataValue]:
    findings = [str(finding) for each in results for finding in each.findings]
    return {
        "sources": dg.MetadataValue.int(len(results)),
        "bills": dg.MetadataValue.int(sum(each.bills for each in results)),
        "charges": dg.MetadataValue.int(sum(each.rows for each in results)),
        "outdated": dg.MetadataValue.int(sum(each.outdated for each in results)),
        "findings": dg.MetadataValue.int(len(findings)),
        "lacks": dg.MetadataValue.md("\n".join(f"- {line}" for line in findings[:MAX_FINDINGS]) or "none"),
    }
