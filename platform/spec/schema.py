"""The schema that `dg check yaml` and editors hold a spec against.

Dagster lets a text with a template stand for every part. Of two forms that do not fit, a checker names neither's
mistake, so here a part is only what it is.
"""

import re
from functools import cache
from typing import Any, ClassVar

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema


class _PartsAreParts(GenerateJsonSchema):
    """An object or a list is what its field says, and no text that may stand for it."""

    def union_schema(self, schema: core_schema.UnionSchema) -> JsonSchemaValue:
        return _alone(super().union_schema(schema))

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """Not ``anyOf`` with null: an error below an ``if`` is reported as it is."""
        found = super().nullable_schema(schema)
        part = _alone(found)
        return found if part is found else {"if": {"not": {"type": "null"}}, "then": part}


def _alone(schema: JsonSchemaValue) -> JsonSchemaValue:
    """The part of a union of a part and a text. A union of other forms, such as a hyperparameter's, stays."""
    forms = schema.get("anyOf", ())
    parts = [form for form in forms if "$ref" in form or form.get("type") == "array"]
    others = {form.get("type") for form in forms if form not in parts}
    return parts[0] if len(parts) == 1 and others <= {"string", "null"} else schema


@cache
def plain(model: type[BaseModel], targets: tuple[str, ...] = ()) -> type[BaseModel]:
    """The same model, whose JSON schema has one form for each part. ``targets`` are those that ``serve`` may name, each
    in any region."""
    return type(model.__name__, (_PlainSchema, model), {"installed_targets": targets})


class _PlainSchema(BaseModel):
    installed_targets: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def model_json_schema(cls, *args: Any, **options: Any) -> dict[str, Any]:
        schema = super().model_json_schema(*args, **{**options, "schema_generator": _PartsAreParts})
        if cls.installed_targets:
            known = "|".join(map(re.escape, cls.installed_targets))
            schema["properties"]["serve"]["items"]["pattern"] = f"^({known})(@[a-z0-9-]+)?$"
        return schema
