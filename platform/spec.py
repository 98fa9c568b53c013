"""The spec: what a team writes about one model. Descriptions end up in the schema that editors and the UI show."""

import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from intermodal.platform.prediction_log import ROWS_PER_SECOND

TargetName = Literal["aws/sagemaker", "gcp/cloud-run", "azure/ml"]
Scalar = bool | int | float | str

# Patterns of nested fields stand in the schema for editors and are checked by validators: Dagster's resolver takes only
# plain annotations below the first level.
NAME = r"^[a-z][a-z0-9_]{0,47}$"
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
    sensitive: list[str] = Field(
        default=[],
        description="Columns that are never logged, from when the changed spec is deployed. One that is taken off the "
        "list is logged again only by a version that was trained since.",
    )
    id: str | None = Field(
        default=None,
        description="The column that names a row: a request with that V2 id is matched with the row when its label "
        "arrives. It is no input of the model.",
    )

    _check = field_validator("function")(_function)

    @property
    def not_inputs(self) -> list[str]:
        """Columns of the feature table that the model must not see."""
        return [self.target] if self.id is None else [self.target, self.id]


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
    usd_per_month: float = Field(
        description="What it may cost. It is only shown: no costs are gathered yet, so no alert compares them with it."
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
    drained_seconds: float = Field(default=1.0, description="How soon the gateway stops sending to a dead cloud.")
    capacity_seconds: float = Field(default=300.0, description="How soon another cloud has taken its capacity over.")

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
    retrains_per_day: int = Field(default=1, description="More are not started in 24 hours; people are told.")

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


class Failover(Part):
    """Which cloud takes over from which, and which of them waits cold."""

    order: list[str] = Field(
        default=[], description="Clouds; the next living one takes a dead one's capacity. Empty: the order of `serve`."
    )
    cold: list[str] = Field(
        default=[], description="Clouds that hold the version's mirror but run nothing until one of the others dies."
    )


class ModelSpec(BaseModel):
    """One model: who owns it, where its rows come from, how it is trained, and where it serves."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=NAME, description="The model's name: lower case, digits and underscores.")
    owner: str = Field(pattern=r"^team:[A-Za-z0-9_-]+$", description="Who is asked, and who pays: team:<name>.")
    description: str = Field(default="", description="What it answers, for the people who browse.")
    data: Data
    features: Features
    train: Train
    gate: Gate
    serve: list[TargetName] = Field(
        default=["aws/sagemaker", "gcp/cloud-run", "azure/ml"], min_length=1, description="One target a cloud."
    )
    replicas: int = Field(default=1, ge=1, description="Servers on each cloud.")
    route: RoutePolicy = RoutePolicy()
    failover: Failover = Failover()
    objectives: Objectives = Objectives()
    drift: DriftPolicy = DriftPolicy()
    log_sample: float = Field(default=1.0, ge=0, le=1, description="Share of requests in the prediction log; 0: none.")
    log_rows_per_second: int = Field(
        default=ROWS_PER_SECOND,
        ge=1,
        le=2**31,
        description="A server that predicts more rows a second logs a share of its requests, about so many rows.",
    )
    log_keep_days: int = Field(
        default=30,
        ge=1,
        description="Logged requests are removed after so many days, once they are gathered; as many as drift looks at "
        "stay.",
    )
    stale_after_days: int | None = Field(default=None, ge=1, description="A champion older than this is stale.")
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
        if unknown := {*self.failover.order, *self.failover.cold} - set(clouds):
            raise ValueError(f"failover names {', '.join(sorted(unknown))}, which serve does not")
        if self.failover.order and set(self.failover.order) != set(clouds):
            raise ValueError("failover.order must name every cloud of serve, once")
        if set(clouds) <= set(self.failover.cold):
            raise ValueError("failover.cold names every cloud: leave at least one that serves")
        if heavy := [cloud for cloud in self.failover.cold if self.route.weights.get(cloud, 0)]:
            raise ValueError(f"failover.cold names {', '.join(heavy)}, which has a weight: give it none")
        return self

    @property
    def team(self) -> str:
        return self.owner.removeprefix("team:")
