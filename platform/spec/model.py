"""The whole spec of a model. Descriptions end up in the schema that editors and the UI show."""

from collections.abc import Sequence
from math import lcm
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from intermodal.platform.errors import SpecError
from intermodal.platform.protocol.prediction_log import ROWS_PER_SECOND
from intermodal.platform.spec.fields import NAME, model_name, tag_names
from intermodal.platform.spec.gate import METRICS, Gate
from intermodal.platform.spec.monitoring import Budget, DriftPolicy, Objectives
from intermodal.platform.spec.rollout import RolloutPolicy
from intermodal.platform.spec.serving import Failover, RoutePolicy
from intermodal.platform.spec.training import Data, Features, Train
from intermodal.platform.targets import Site, Target, parse_target, select, sites_of


class ModelSpec(BaseModel):
    """One model: its owner, where its rows come from, how it is trained, and where it serves."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=NAME, description="The model's name: lower case, digits and underscores.")
    owner: str = Field(pattern=r"^team:[A-Za-z0-9_-]+$", description="Who is responsible, and who pays: team:<name>.")
    description: str = Field(default="", description="What it answers, for the people who browse.")
    data: Data
    features: Features
    train: Train
    gate: Gate
    serve: list[str] = Field(
        default=[],
        description="Targets, as aws/sagemaker or aws/sagemaker@eu-west-1, in failover order. Empty: the default "
        "target of every enabled cloud.",
    )
    replicas: int = Field(default=1, ge=1, description="Servers on each target.")
    route: RoutePolicy = RoutePolicy()
    rollout: RolloutPolicy | None = Field(
        default=None, description="How a new version gets its traffic, step by step. Without it: all at once."
    )
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
    errors: Literal["full", "short"] = Field(
        default="full",
        description="What callers see of an error about their rows: full says what is wrong, and has no value of a "
        "sensitive column; short names no column, no value and no reason of the model.",
    )
    stale_after_days: int | None = Field(default=None, ge=1, description="A champion older than this is stale.")
    budget: Budget | None = None
    tags: dict[str, str] = Field(default={}, description="Put on everything that is deployed, for the bill.")

    _name_is_free = field_validator("name")(model_name)
    _tags_are_free = field_validator("tags")(tag_names)

    @model_validator(mode="after")
    def _has_a_window(self) -> Self:
        keys, window = self.data.partitions.static, self.train.window
        if keys is not None and len(keys) <= window:
            raise ValueError(
                f"data.partitions.static has {len(keys)} keys, and training needs {window + 1}: list more, or lower "
                "train.window"
            )
        return self

    @model_validator(mode="after")
    def _has_a_target_to_compare_with(self) -> Self:
        if self.features.target is None and self.gate.metric in METRICS:
            raise ValueError(
                f"features.target is null, and gate.metric {self.gate.metric} compares predictions with it: name the "
                "target, or write a metric function or null"
            )
        return self

    @model_validator(mode="after")
    def _names_its_targets(self) -> Self:
        try:
            targets = self.targets
        except SpecError as error:
            raise ValueError(f"serve: {error}") from error
        if twice := sorted({str(target) for target in targets if targets.count(target) > 1}):
            raise ValueError(f"serve names {', '.join(twice)} twice: leave it there once")
        if targets:
            self._check_weights()
            self._check_failover()
        return self

    def _check_weights(self) -> None:
        named = _targets_named("route.weights", self.route.weights, self.targets)
        if twice := sorted({str(target) for target in named if named.count(target) > 1}):
            raise ValueError(f"route.weights names {', '.join(twice)} twice: give one share for it")

    def _check_failover(self) -> None:
        order = _targets_named("failover.order", self.failover.order, self.targets)
        cold = _targets_named("failover.cold", self.failover.cold, self.targets)
        if order and sorted(order) != sorted(self.targets):
            raise ValueError("failover.order must name every target of serve, once")
        if set(self.targets) <= set(cold):
            raise ValueError("failover.cold names every target: leave at least one that serves")
        if heavy := [str(target) for target in cold if self.weights.get(target, 0)]:
            raise ValueError(f"failover.cold names {', '.join(heavy)}, which has a weight: give it none")

    def serving_on(self, targets: Sequence[Target]) -> "ModelSpec":
        """This spec with ``serve`` spelled out; ValidationError where weights or failover name none of the targets."""
        return ModelSpec.model_validate({**_fields(self), "serve": [str(target) for target in targets]})

    @property
    def team(self) -> str:
        return self.owner.removeprefix("team:")

    @property
    def targets(self) -> tuple[Target, ...]:
        """The targets of ``serve``, in its order."""
        return tuple(parse_target(name) for name in self.serve)

    @property
    def sites(self) -> tuple[Site, ...]:
        return sites_of(self.targets)

    @property
    def failover_order(self) -> tuple[Target, ...]:
        """As stated, else the order of ``serve``."""
        targets = self.targets
        return tuple(target for name in self.failover.order for target in select(name, targets)) or targets

    @property
    def cold_targets(self) -> frozenset[Target]:
        """Targets that run nothing until a failover needs them."""
        targets = self.targets
        return frozenset(target for name in self.failover.cold for target in select(name, targets))

    @property
    def weights(self) -> dict[Target, int]:
        """The policy's weight of each target. The share of a cloud or a site is split evenly over its targets; all are
        multiplied alike so that they stay whole numbers."""
        groups = {name: select(name, self.targets) for name in self.route.weights}
        factor = lcm(*(len(group) for group in groups.values() if group))
        return {
            target: self.route.weights[name] * factor // len(group)
            for name, group in groups.items()
            for target in group
        }


def _targets_named(field: str, names: Sequence[str] | dict[str, int], targets: Sequence[Target]) -> list[Target]:
    """The targets that these names select; ValueError for one that selects none."""
    found = list[Target]()
    for name in names:
        try:
            chosen = select(name, targets)
        except SpecError as error:
            raise ValueError(f"{field}: {error}") from error
        if not chosen:
            raise ValueError(f"{field} names {name}, which serve does not")
        found += chosen
    return found


def _fields(spec: ModelSpec) -> dict[str, object]:
    """The spec's own fields: a component has more."""
    return {name: getattr(spec, name) for name in ModelSpec.model_fields}
