"""Spend: sums of charges by what they are for."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from types import MappingProxyType

from intermodal.platform.cost.attribution import CLOUD, ENVIRONMENT, MODEL, SITE, SOURCE, STAGE, TARGET, TEAM

DIMENSIONS: Mapping[str, str] = MappingProxyType(
    {
        "team": TEAM,
        "model": MODEL,
        "cloud": CLOUD,
        "site": SITE,
        "target": TARGET,
        "environment": ENVIRONMENT,
        "stage": STAGE,
        "source": SOURCE,
        "day": "day",
    }
)
"""Name → column. ``day`` is that of ChargePeriodStart in UTC."""
CENT = Decimal("0.01")


@dataclass(frozen=True)
class Spend:
    """The sum of some charges of one currency. Currencies are never added."""

    by: tuple[str | None, ...]
    """A value for each dimension of the query; None is unattributed."""
    currency: str
    billed: Decimal
    """What invoices say: BilledCost."""
    effective: Decimal
    """With commitments spread over what used them: EffectiveCost."""
    charges: int
    without_cost: int
    """Charges whose BilledCost is missing. They are in no sum."""


def cents(amount: Decimal) -> Decimal:
    """To the cent, half to even. Sums are rounded, and charges are not."""
    return amount.quantize(CENT, ROUND_HALF_EVEN)
