"""The training half of a spec: where rows come from, and how a model is fitted."""

import re
from keyword import iskeyword
from typing import Any

from pydantic import Field, field_validator, model_validator

from intermodal.platform.spec.fields import FUNCTION, Hyperparameter, Part, Scalar, function_name, text_or_texts
from intermodal.platform.spec.partitions import Partitions

EXPONENT = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+")


class Data(Part):
    function: str = Field(
        description="<file>.<function> taking a partition's key (a month is 2013-01-01), giving a table.",
        json_schema_extra={"pattern": FUNCTION},
    )
    partitions: Partitions

    _check = field_validator("function")(function_name)


class Features(Part):
    function: str = Field(
        description="<file>.<function> from the data as a pandas DataFrame to a table of inputs and target.",
        json_schema_extra={"pattern": FUNCTION},
    )
    target: str | list[str] | None = Field(
        default=None,
        description="The column that is to be predicted, or a list of columns: then each is an output of its own. "
        "null: the model is unsupervised, and its fit function is called with None.",
        json_schema_extra=text_or_texts,
    )
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

    @field_validator("target", mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        """Before the types, because of a union each form would name the mistake."""
        if value is None:
            return value
        names = value if isinstance(value, list) else [value]
        if not names or not all(isinstance(name, str) and name for name in names):
            raise ValueError(f"target is {value!r}: name a column, or a list of columns")
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"target names '{twice[0]}' twice: leave it there once")
        return value

    @model_validator(mode="after")
    def _two_columns(self) -> "Features":
        if self.id in self.targets:
            raise ValueError(f"id and target are both '{self.id}': an id names a row, so give it its own column")
        return self

    @property
    def targets(self) -> list[str]:
        """The columns that are to be predicted: none for an unsupervised model."""
        if self.target is None:
            return []
        return [self.target] if isinstance(self.target, str) else self.target

    @property
    def not_inputs(self) -> list[str]:
        """Columns of the feature table that the model must not see."""
        return self.targets if self.id is None else [*self.targets, self.id]


class Train(Part):
    function: str = Field(
        description="<file>.<function> (features, target, **hyperparameters) → estimator. target is None without "
        "features.target.",
        json_schema_extra={"pattern": FUNCTION},
    )
    window: int = Field(
        default=3,
        description="How many partitions to train on, before the one held out.",
        json_schema_extra={"minimum": 1},
    )
    hyperparameters: dict[str, Hyperparameter] = Field(
        default={},
        description="Defaults; a run's config overrides them. Numbers, booleans, texts, lists of these, or null. "
        "A number with an exponent may be written as 1e-3, which YAML reads as a text: so such a text is a number.",
    )

    _check = field_validator("function")(function_name)

    @field_validator("hyperparameters", mode="before")
    @classmethod
    def _hyperparameters(cls, values: Any) -> Any:
        """Before the types, because of a union each form would name the mistake."""
        if not isinstance(values, dict):
            return values
        for name, value in values.items():
            _require_argument(name)
            for part in value if isinstance(value, list) else [value]:
                if not isinstance(part, Scalar | None) or (part is None and isinstance(value, list)):
                    kind = type(part).__name__
                    raise ValueError(
                        f"'{name}' holds a {kind}: give a number, a boolean, a text in quotes, a list of these or null"
                    )
        return {name: _number(value) for name, value in values.items()}

    @field_validator("window")
    @classmethod
    def _positive(cls, value: int) -> int:
        if value < 1:
            raise ValueError(f"window is {value}: train on at least 1 partition")
        return value


def _require_argument(name: object) -> None:
    if not isinstance(name, str) or not name.isidentifier() or iskeyword(name) or name.startswith("_"):
        raise ValueError(f"'{name}' is no name of an argument: write it as max_depth")
    if name == "window":
        raise ValueError("'window' is the number of partitions in the training record: give it another name")


def _number(value: Hyperparameter) -> Hyperparameter:
    """YAML 1.1 takes ``1e-3`` for a text, because it has no point. JSON and YAML 1.2 take it for a number."""
    return [_scalar(part) for part in value] if isinstance(value, list) else _scalar(value)


def _scalar(value: Any) -> Any:
    return float(value) if isinstance(value, str) and EXPONENT.fullmatch(value) else value
