"""The training half of a spec: where rows come from, how a model is fitted and what it must beat."""

import re
from typing import Literal

from pydantic import Field, field_validator, model_validator

from intermodal.platform.spec.fields import FUNCTION, MONTH, Part, Scalar, function_name


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

    _check = field_validator("function")(function_name)


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

    _check = field_validator("function")(function_name)

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

    _check = field_validator("function")(function_name)

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

    _check = field_validator("better_than")(function_name)

    @field_validator("margin")
    @classmethod
    def _not_negative(cls, value: float) -> float:
        if value < 0:
            raise ValueError(f"margin is {value}: give 0 or more")
        return value
