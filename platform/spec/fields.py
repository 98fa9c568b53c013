"""What the parts of a spec share: patterns, and a base that refuses unknown fields."""

import re
from typing import Any

from pydantic import BaseModel, ConfigDict

Scalar = bool | int | float | str
Hyperparameter = Scalar | list[Scalar] | None

# Patterns of nested fields stand in the schema for editors and are checked by validators: Dagster's resolver takes only
# plain annotations below the first level.
NAME = r"^[a-z][a-z0-9_]{0,47}$"
STAGES = (
    *("dataset", "features", "model", "version", "image", "mirror", "endpoint", "rollout", "route"),
    *("predictions", "drift", "drift_report", "health", "incidents", "timeline", "drill"),
)
"""The second parts of the keys of a model's assets."""
RESERVED_NAMES = rf"and_deploy_\w*|broken_models|\w*__({'|'.join(STAGES)})(_\w*)?"
"""Names whose jobs, steps or asset group would be another's. ``train_and_deploy_a`` could train ``and_deploy_a``.
``deploy_a__drill`` could be the job of ``a__drill`` or a step of ``deploy_a``, and then Dagster loads no model of the
project. Assets of models that do not load are in the group ``broken_models``."""
RESERVED_TAGS = r"(?i)intermodal.*|model"
"""Tags that name the owner of what is deployed, and the model of an asset. Azure ignores the case of tags."""
MONTH = r"^(19|20)\d{2}-(0[1-9]|1[0-2])$"
FUNCTION = r"^[A-Za-z_]\w*\.[A-Za-z_]\w*$"


def function_name(value: str | None) -> str | None:
    if value is not None and not re.match(FUNCTION, value):
        raise ValueError(f"'{value}' is not <file>.<function>: write for instance data.flights")
    return value


def text_or_texts(schema: dict[str, Any]) -> None:
    """The forms of a field that is a text, a list of texts or null: ``schema.plain`` takes the text for a template."""
    for name in ("type", "items", "if", "then"):
        schema.pop(name, None)
    schema["anyOf"] = [{"type": "string"}, {"type": "array", "items": {"type": "string"}}, {"type": "null"}]


def model_name(value: str) -> str:
    if re.fullmatch(RESERVED_NAMES, value):
        raise ValueError(f"'{value}' is reserved for a job, a step or a group: give the model another name")
    return value


def tag_names(value: dict[str, str]) -> dict[str, str]:
    """Refuses reserved tags, and tags that are one on a cloud: labels know lower case, digits, ``_`` and ``-`` only."""
    if wrong := sorted(tag for tag in value if re.fullmatch(RESERVED_TAGS, tag)):
        raise ValueError(f"{', '.join(wrong)}: Intermodal sets tags of that name itself, give yours another name")
    labels = dict[str, str]()
    for tag in value:
        label = re.sub(r"[^a-z0-9_-]", "_", tag.lower())[:63]
        if label in labels:
            raise ValueError(f"'{labels[label]}' and '{tag}' are one label, {label}, on a cloud: rename or remove one")
        labels[label] = tag
    return value


class Part(BaseModel):
    """A part of a spec: unknown fields are refused, so that a typing error is found."""

    model_config = ConfigDict(extra="forbid", frozen=True)
