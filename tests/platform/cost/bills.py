"""Bills for tests: rows as text, as an export writes them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pyarrow as pa

AS_OF = datetime(2026, 12, 1, tzinfo=UTC)
COST_COLUMNS = ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost")


def row(cost: str, **others: str | None) -> Mapping[str, str | None]:
    """A charge of November 2026 by AWS, in dollars, of team ops and model m."""
    return {
        **dict.fromkeys(COST_COLUMNS, cost),
        "BillingAccountId": "001",
        "BillingAccountName": "main",
        "BillingCurrency": "USD",
        "BillingPeriodStart": "2026-11-01T00:00:00Z",
        "BillingPeriodEnd": "2026-12-01T00:00:00Z",
        "ChargeCategory": "Usage",
        "ChargeClass": None,
        "ChargeDescription": "a machine",
        "ChargePeriodStart": "2026-11-02T00:00:00Z",
        "ChargePeriodEnd": "2026-11-03T00:00:00Z",
        "InvoiceIssuerName": "AWS",
        "PricingQuantity": "1",
        "PricingUnit": "Hours",
        "ProviderName": "Amazon Web Services",
        "PublisherName": "Amazon Web Services",
        "RegionId": "us-east-1",
        "ServiceCategory": "Compute",
        "ServiceName": "EC2",
        "Tags": '{"intermodal-team": "team:ops", "intermodal-model": "m", "intermodal-version": "1.0.0"}',
        **others,
    }


def raw(rows: Sequence[Mapping[str, str | None]]) -> pa.Table:
    names = dict.fromkeys(name for each in rows for name in each)
    return pa.table({name: pa.array([each.get(name) for each in rows], pa.string()) for name in names})


def csv(rows: Sequence[Mapping[str, str | None]]) -> str:
    names = list(dict.fromkeys(name for each in rows for name in each))

    def quoted(value: str | None) -> str:
        return "" if value is None else '"' + value.replace('"', '""') + '"'

    lines = [",".join(names), *(",".join(quoted(each.get(name)) for name in names) for each in rows)]
    return "\n".join(lines) + "\n"
