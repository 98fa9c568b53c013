"""What a model is held against: objectives, a budget, and when its data counts as drifted."""

from pydantic import Field, field_validator, model_validator

from intermodal.platform.spec.fields import Part


class Budget(Part):
    usd_per_month: float = Field(
        description="What it may cost. It is only displayed: no costs are gathered yet, so no alert uses it."
    )

    @field_validator("usd_per_month")
    @classmethod
    def _positive(cls, value: float) -> float:
        if value <= 0:
            raise ValueError(f"usd_per_month is {value}: give more than 0, or leave the budget out")
        return value


class Objectives(Part):
    availability: float = Field(default=99.9, description="Percent of requests that get an answer, over 30 days.")
    p95_ms: float = Field(default=250.0, description="95 of 100 answers come within so many milliseconds.")
    drained_seconds: float = Field(default=1.0, description="How soon the gateway stops sending to a dead target.")
    capacity_seconds: float = Field(default=300.0, description="How soon another target has taken its capacity over.")

    @field_validator("availability")
    @classmethod
    def _percent(cls, value: float) -> float:
        if not 0 < value < 100:
            raise ValueError(f"availability is {value}: give a percentage below 100, such as 99.9")
        return value

    @field_validator("p95_ms", "drained_seconds", "capacity_seconds")
    @classmethod
    def _positive(cls, value: float) -> float:
        if value <= 0:
            raise ValueError(f"{value} is no objective: give more than 0")
        return value


class DriftPolicy(Part):
    """When the data counts as drifted, and how often that may start a training."""

    psi: float = Field(default=0.25, description="A column has drifted when its population stability index is over it.")
    share: float = Field(default=0.5, description="The data has drifted when this share of columns has, 0 to 1.")
    prediction_psi: float = Field(default=0.25, description="Or when the index of the predictions is over this.")
    rows: int = Field(default=5000, description="The newest rows of the prediction log that are looked at.")
    min_rows: int = Field(default=1000, description="With fewer, nothing is decided.")
    cooldown_hours: float = Field(default=24.0, description="After a retraining, no other for so long.")
    retrains_per_day: int = Field(default=1, description="More are not started in 24 hours; people are notified.")

    @field_validator("psi", "share", "prediction_psi")
    @classmethod
    def _positive(cls, value: float) -> float:
        if value <= 0:
            raise ValueError(f"{value} would always count as drift: give more than 0")
        return value

    @model_validator(mode="after")
    def _enough(self) -> "DriftPolicy":
        if not 1 <= self.min_rows <= self.rows:
            raise ValueError(f"min_rows ({self.min_rows}) must lie between 1 and rows ({self.rows})")
        if self.cooldown_hours < 0 or self.retrains_per_day < 0 or self.share > 1:
            raise ValueError("cooldown_hours and retrains_per_day are 0 or more, share at most 1")
        return self
