"""The serving half of a spec: who gets which share of traffic, and who takes over from whom."""

from typing import Literal

from pydantic import Field, field_validator, model_validator

from intermodal.platform.spec.fields import Part


class RoutePolicy(Part):
    policy: Literal["even", "weighted"] = Field(default="even", description="How traffic is shared among clouds.")
    weights: dict[str, int] = Field(default={}, description="Shares for `weighted`; a cloud with 0 gets none.")

    @field_validator("weights")
    @classmethod
    def _shares(cls, value: dict[str, int]) -> dict[str, int]:
        if negative := [cloud for cloud, share in value.items() if share < 0]:
            raise ValueError(f"the weight of {', '.join(negative)} is negative: use 0 to send no traffic")
        if value and not any(value.values()):
            raise ValueError("every weight is 0: leave at least one above 0")
        return value

    @model_validator(mode="after")
    def _weights_for_weighted(self) -> "RoutePolicy":
        if (self.policy == "weighted") != bool(self.weights):
            raise ValueError("weights belong to policy 'weighted', which needs them: name a share for each cloud")
        return self


class Failover(Part):
    """Which cloud takes over from which, and which of them waits cold."""

    order: list[str] = Field(
        default=[], description="Clouds; the next living one takes a dead one's capacity. Empty: the order of `serve`."
    )
    cold: list[str] = Field(
        default=[], description="Clouds that hold the version's mirror but run nothing until one of the others dies."
    )
