"""The canonical table of charges: the columns of FOCUS 1.3, which has all of 1.0 to 1.2.

Source: the dataset Cost and Usage of the FinOps Open Cost and Usage Specification, https://focus.finops.org and
https://github.com/FinOps-Open-Cost-and-Usage-Spec/FOCUS_Spec (``specification/datasets/cost_and_usage``). The version
that introduced a column is from its file there and from ``CHANGELOG.md``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

import pyarrow as pa

MONEY = pa.decimal128(38, 18)
"""Prices, costs and quantities: exact, to 18 decimals, below 10^20."""
TIME = pa.timestamp("us", tz="UTC")
CUSTOM_PREFIX = "x_"
"""Columns that the specification does not define begin with it (attribute Column handling)."""


class Kind(Enum):
    TEXT = "String"
    NUMBER = "Decimal"
    TIME = "Date/Time"
    JSON = "JSON"


class Feature(Enum):
    """Whether a data set must have the column."""

    MANDATORY = "Mandatory"
    CONDITIONAL = "Conditional"
    RECOMMENDED = "Recommended"


ARROW: Mapping[Kind, pa.DataType] = MappingProxyType(
    {Kind.TEXT: pa.string(), Kind.NUMBER: MONEY, Kind.TIME: TIME, Kind.JSON: pa.string()}
)


@dataclass(frozen=True)
class Column:
    name: str
    kind: Kind
    feature: Feature
    nullable: bool
    since: str
    """The version that introduced it."""


_ABBREVIATIONS = {"M": Feature.MANDATORY, "C": Feature.CONDITIONAL, "R": Feature.RECOMMENDED}
_TABLE = """
AllocatedMethodDetails JSON R null 1.3
AllocatedMethodId String C null 1.3
AllocatedResourceId String C null 1.3
AllocatedResourceName String C null 1.3
AllocatedTags JSON C null 1.3
AvailabilityZone String R null 1.0
BilledCost Decimal M - 1.0
BillingAccountId String M - 1.0
BillingAccountName String M null 1.0
BillingAccountType String C - 1.2
BillingCurrency String M - 1.0
BillingPeriodEnd Date/Time M - 1.0
BillingPeriodStart Date/Time M - 1.0
CapacityReservationId String C null 1.1
CapacityReservationStatus String C null 1.1
ChargeCategory String M - 1.0
ChargeClass String M null 1.0
ChargeDescription String M null 1.0
ChargeFrequency String R - 1.0
ChargePeriodEnd Date/Time M - 1.0
ChargePeriodStart Date/Time M - 1.0
CommitmentDiscountCategory String C null 1.0
CommitmentDiscountId String C null 1.0
CommitmentDiscountName String C null 1.0
CommitmentDiscountQuantity Decimal C null 1.1
CommitmentDiscountStatus String C null 1.0
CommitmentDiscountType String C null 1.0
CommitmentDiscountUnit String C null 1.1
ConsumedQuantity Decimal C null 1.0
ConsumedUnit String C null 1.0
ContractApplied JSON C null 1.3
ContractedCost Decimal M - 1.0
ContractedUnitPrice Decimal C null 1.0
EffectiveCost Decimal M - 1.0
HostProviderName String M - 1.3
InvoiceId String R null 1.2
InvoiceIssuerName String M - 1.0
ListCost Decimal M - 1.0
ListUnitPrice Decimal C null 1.0
PricingCategory String C null 1.0
PricingCurrency String C null 1.2
PricingCurrencyContractedUnitPrice Decimal C null 1.2
PricingCurrencyEffectiveCost Decimal C null 1.2
PricingCurrencyListUnitPrice Decimal C null 1.2
PricingQuantity Decimal M null 1.0
PricingUnit String M null 1.0
ProviderName String M - 1.0
PublisherName String M - 1.0
RegionId String C null 1.0
RegionName String C null 1.0
ResourceId String C null 1.0
ResourceName String C null 1.0
ResourceType String C null 1.0
ServiceCategory String M - 1.0
ServiceName String M - 1.0
ServiceProviderName String M - 1.3
ServiceSubcategory String R - 1.1
SkuId String C null 1.0
SkuMeter String C null 1.1
SkuPriceDetails JSON C null 1.1
SkuPriceId String C null 1.0
SubAccountId String C null 1.0
SubAccountName String C null 1.0
SubAccountType String C null 1.2
Tags JSON C null 1.0
"""


def _parse(line: str) -> Column:
    name, kind, feature, null, since = line.split()
    return Column(name, Kind(kind), _ABBREVIATIONS[feature], null == "null", since)


COLUMNS: Mapping[str, Column] = MappingProxyType(
    {column.name: column for column in map(_parse, _TABLE.strip().splitlines())}
)
SCHEMA = pa.schema([pa.field(column.name, ARROW[column.kind]) for column in COLUMNS.values()])
"""Every field may be null: what a source left out is a finding, and no invented value."""
COSTS = ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost")
