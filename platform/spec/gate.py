"""What a candidate must achieve to get a version."""

import re
from collections.abc import Mapping
from math import inf
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from intermodal.platform.spec.fields import FUNCTION, Part, function_name

METRICS: Mapping[str, int] = {
    "roc_auc": 1,
    "accuracy": 1,
    "f1_macro": 1,
    "r2": 1,
    "log_loss": -1,
    "rmse": -1,
    "mae": -1,
}
"""The metrics that are built in: 1 if higher is better, -1 if lower is."""
OTHER_METADATA = frozenset(
    (
        *("trained_on", "held_out", "rows", "held_out_rows", "fit_seconds", "package_bytes", "placement", "mlflow_run"),
        *("reasons", "slices", "version", "why", "lost", "registry_number", "files", "bytes", "digest", "signed_by"),
    )
)
"""Names of metadata beside the figures: a metric function of such a name would replace them."""


def _metric_or_null(schema: dict[str, Any]) -> None:
    """One form with one pattern: of several forms, a checker of YAML names no mistake."""
    schema.pop("anyOf", None)
    schema |= {"type": ["string", "null"], "pattern": f"^({'|'.join(METRICS)})$|{FUNCTION}"}
    for name in ("if", "then"):
        schema.pop(name, None)


class Gate(Part):
    metric: str | None = Field(
        description="What candidates are compared by, on the partition after the training window: a name "
        f"({', '.join(METRICS)}), or <file>.<function> (target, predictions, features) → number. null: nothing is "
        "compared.",
        json_schema_extra=_metric_or_null,
    )
    goal: Literal["maximize", "minimize"] | None = Field(
        default=None,
        description="Whether more or less of a metric function's number is better; null is maximize. The metrics that "
        "have a name have a goal of their own.",
    )
    better_than: str | None = Field(
        default=None, description="<file>.<function> (features, target) → a function from rows to predictions."
    )
    not_worse_than: Literal["champion"] | None = Field(default="champion", description="null: do not compare.")
    margin: float = Field(
        default=0.0, description="By how much the baseline must be beaten, and the champion may be missed."
    )
    slices: list[str] = Field(
        default=[],
        description="Inputs by whose values the metric is computed apart: text, categories, booleans or integers, of "
        "at most 20 values each.",
    )
    worst_slice: float | None = Field(
        default=None, description="The metric of the worst slice must not be worse than this. null: it may be anything."
    )

    _check = field_validator("better_than")(function_name)

    @model_validator(mode="before")
    @classmethod
    def _without_a_metric(cls, values: Any) -> Any:
        """Without a metric, ``not_worse_than`` has another default, so only a spec that writes it is refused."""
        if not isinstance(values, dict) or values.get("metric", "") is not None:
            return values
        compared = ("better_than", "not_worse_than", "goal", "slices", "worst_slice")
        if wrong := [name for name in compared if values.get(name) not in (None, [])]:
            raise ValueError(f"metric is null, so {wrong[0]} has nothing to compare: remove it, or give a metric")
        return {**values, "not_worse_than": None}

    @field_validator("metric")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        if value is None or value in METRICS:
            return value
        if not re.match(FUNCTION, value):
            known = ", ".join(f"'{name}'" for name in METRICS)
            raise ValueError(f"'{value}' is no metric: write {known}, or <file>.<function>")
        if (name := value.rpartition(".")[2]) in OTHER_METADATA:
            raise ValueError(f"'{name}' is the name of other metadata: give the function another name")
        return value

    @field_validator("margin")
    @classmethod
    def _not_negative(cls, value: float) -> float:
        if not 0 <= value < inf:
            raise ValueError(f"margin is {value}: give 0 or more")
        return value

    @field_validator("worst_slice")
    @classmethod
    def _finite(cls, value: float | None) -> float | None:
        if value is not None and not -inf < value < inf:
            raise ValueError(f"worst_slice is {value}: give a number")
        return value

    @field_validator("slices")
    @classmethod
    def _distinct(cls, value: list[str]) -> list[str]:
        if twice := [name for name in value if value.count(name) > 1]:
            raise ValueError(f"slices names '{twice[0]}' twice: leave it there once")
        return value

    @model_validator(mode="after")
    def _fits(self) -> "Gate":
        if self.goal is not None and self.metric is not None and self.metric in METRICS:
            own = "maximize" if METRICS[self.metric] > 0 else "minimize"
            raise ValueError(f"goal is for a metric function, and {self.metric} has its own, {own}: remove goal")
        if self.worst_slice is not None and not self.slices:
            raise ValueError("worst_slice needs slices: name the columns by whose values the metric is computed")
        return self

    @property
    def name(self) -> str:
        """The name of the metric's figures: of a function, its own. '' without a metric."""
        return (self.metric or "").rpartition(".")[2]

    @property
    def sign(self) -> int:
        """1 if more is better, -1 if less is."""
        own = 1 if self.goal != "minimize" else -1
        return METRICS.get(self.metric or "", own)

    @property
    def function(self) -> str | None:
        """The metric as ``<file>.<function>``. None if it is built in, or there is none."""
        return None if self.metric in METRICS else self.metric
