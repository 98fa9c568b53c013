"""What the parts of a spec share: patterns, and a base that refuses unknown fields."""

import re

from pydantic import BaseModel, ConfigDict

Scalar = bool | int | float | str
Hyperparameter = Scalar | list[Scalar] | None

# Patterns of nested fields stand in the schema for editors and are checked by validators: Dagster's resolver takes only
# plain annotations below the first level.
NAME = r"^[a-z][a-z0-9_]{0,47}$"
MONTH = r"^(19|20)\d{2}-(0[1-9]|1[0-2])$"
FUNCTION = r"^[A-Za-z_]\w*\.[A-Za-z_]\w*$"


def function_name(value: str | None) -> str | None:
    if value is not None and not re.match(FUNCTION, value):
        raise ValueError(f"'{value}' is not <file>.<function>: write for instance data.flights")
    return value


class Part(BaseModel):
    """A part of a spec: unknown fields are refused, so that a typing error is found."""

    model_config = ConfigDict(extra="forbid", frozen=True)
