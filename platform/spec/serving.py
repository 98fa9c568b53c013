"""The serving half of a spec: who gets which share of traffic, and who takes over from whom."""

from typing import Literal

from pydantic import Field, field_validator, model_validator

from intermodal.platform.spec.fields import Part


class RoutePolicy(Part):
    policy: Literal["even", "weighted"] = Field(default="even", description="How traffic is shared among targets.")
    weights: dict[str, int] = Field(
        default={}, description="Shares for `weighted`, by target, site or cloud; one with 0 gets none."
    )

    @field_validator("weights")
    @classmethod
    def _shares(cls, value: dict[str, int]) -> dict[str, int]:
        if negative := [name for name, share in value.items() if share < 0]:
            raise ValueError(f"the weight of {', '.join(negative)} is negative: use 0 to send no traffic")
        if value and not any(value.values()):
            raise ValueError("every weight is 0: leave at least one above 0")
        return value

    @model_validator(mode="after")
    def _weights_for_weighted(self) -> "RoutePolicy":
        if (self.policy == "weighted") != bool(self.weights):
            raise ValueError("weights belong to policy 'weighted', which needs them: name a share for each target")
        return self


class Failover(Part):
    """Which target takes over from which, and which of them stand by cold."""

    order: list[str] = Field(
        default=[], description="Targets, sites or clouds: who takes over first. Empty: the order of `serve`."
    )
    cold: list[str] = Field(
        default=[],
        description="Targets, sites or clouds that hold the version's mirror but run nothing until a failover.",
    )
