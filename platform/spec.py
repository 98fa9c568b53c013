"""The spec: what a team writes about one model. Descriptions end up in the schema that editors and the UI show."""

import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

TargetName = Literal["aws/sagemaker", "gcp/cloud-run", "azure/ml"]
Scalar = bool | int | float | str

# Patterns of nested fields stand in the schema for editors and are checked by validators: Dagster's resolver takes only
# plain annotations below the first level.
MONTH = r"^\d{4}-(0[1-9]|1[0-2])$"
FUNCTION = r"^[A-Za-z_]\w*\.[A-Za-z_]\w*$"


def _function(value: str | None) -> str | None:
    if value is not None and not re.match(FUNCTION, value):
        raise ValueError(f"'{value}' is not <file>.<function>: write for instance data.flights")
    return value


class Part(BaseModel):
    """A part of a spec: unknown fields are refused, so that a typing error is found."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Months(Part):
    start: str = Field(description="First month, as 2013-01.", json_schema_extra={"pattern": MONTH})
    end: str | None = Field(default=None, description="Last month; without it, months go on being added.")

    @field_validator("start", "end")
    @classmethod
    def _month(cls, value: str | None) -> str | None:
        if value is not None and not re.match(MONTH, value):
            raise ValueError(f"'{value}' is not a month: write it as 2013-01, in quotes")
        return value

    @model_validator(mode="after")
    def _in_order(self) -> "Months":
        if self.end is not None and self.end < self.start:
            raise ValueError(f"end ({self.end}) is before start ({self.start}): swap them")
        return self


class Partitions(Part):
    monthly: Months


class Data(Part):
    function: str = Field(
        description="<file>.<function> taking a month (2013-01-01), giving a DataFrame.",
        json_schema_extra={"pattern": FUNCTION},
    )
    partitions: Partitions

    _check = field_validator("function")(_function)


class Features(Part):
    function: str = Field(
        description="<file>.<function> from the data's DataFrame to inputs and target.",
        json_schema_extra={"pattern": FUNCTION},
    )
    target: str = Field(description="The column that is to be predicted.")
    sensitive: list[str] = Field(default=[], description="Columns that are never logged.")

    _check = field_validator("function")(_function)


class Train(Part):
    function: str = Field(
        description="<file>.<function> (features, target, **hyperparameters) → estimator.",
        json_schema_extra={"pattern": FUNCTION},
    )
    window: int = Field(
        default=3,
        description="How many months to train on, before the one held out.",
        json_schema_extra={"minimum": 1},
    )
    hyperparameters: dict[str, Scalar] = Field(default={}, description="Defaults; a run's config overrides them.")

    _check = field_validator("function")(_function)

    @field_validator("window")
    @classmethod
    def _positive(cls, value: int) -> int:
        if value < 1:
            raise ValueError(f"window is {value}: train on at least 1 month")
        return value


class Gate(Part):
    metric: Literal["roc_auc", "accuracy", "f1_macro", "r2", "log_loss", "rmse", "mae"] = Field(
        description="What candidates are compared by, on the month after the training window."
    )
    better_than: str | None = Field(
        default=None, description="<file>.<function> (features, target) → a function from rows to predictions."
    )
    not_worse_than: Literal["champion"] | None = Field(default="champion", description="null: do not compare.")
    margin: float = Field(
        default=0.0, description="By how much the baseline must be beaten, and the champion may be missed."
    )

    _check = field_validator("better_than")(_function)

    @field_validator("margin")
    @classmethod
    def _not_negative(cls, value: float) -> float:
        if value < 0:
            raise ValueError(f"margin is {value}: give 0 or more")
        return value


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


class Budget(Part):
    usd_per_month: float

    @field_validator("usd_per_month")
    @classmethod
    def _positive(cls, value: float) -> float:
        if value <= 0:
            raise ValueError(f"usd_per_month is {value}: give more than 0, or leave the budget out")
        return value


class ModelSpec(BaseModel):
    """One model: who owns it, where its rows come from, how it is trained, and where it serves."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(
        pattern=r"^[a-z][a-z0-9_]{0,47}$", description="The model's name: lower case, digits and underscores."
    )
    owner: str = Field(pattern=r"^team:[A-Za-z0-9_-]+$", description="Who is asked, and who pays: team:<name>.")
    description: str = Field(default="", description="What it answers, for the people who browse.")
    data: Data
    features: Features
    train: Train
    gate: Gate
    serve: list[TargetName] = Field(
        default=["aws/sagemaker", "gcp/cloud-run", "azure/ml"], min_length=1, description="One target a cloud."
    )
    route: RoutePolicy = RoutePolicy()
    budget: Budget | None = None
    tags: dict[str, str] = Field(default={}, description="Put on everything that is deployed, for the bill.")

    @model_validator(mode="after")
    def _one_target_a_cloud(self) -> "ModelSpec":
        clouds = [target.split("/")[0] for target in self.serve]
        for cloud in set(clouds):
            if clouds.count(cloud) > 1:
                raise ValueError(f"serve names {cloud} twice: a model has one target in a cloud")
        if unknown := set(self.route.weights) - set(clouds):
            raise ValueError(f"route.weights names {', '.join(sorted(unknown))}, which serve does not")
        return self

    @property
    def team(self) -> str:
        return self.owner.removeprefix("team:")
