"""The whole spec of a model. Descriptions end up in the schema that editors and the UI show."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from intermodal.platform.protocol.prediction_log import ROWS_PER_SECOND
from intermodal.platform.spec.fields import NAME
from intermodal.platform.spec.monitoring import Budget, DriftPolicy, Objectives
from intermodal.platform.spec.serving import Failover, RoutePolicy
from intermodal.platform.spec.training import Data, Features, Gate, Train

TargetName = Literal["aws/sagemaker", "gcp/cloud-run", "azure/ml"]


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
