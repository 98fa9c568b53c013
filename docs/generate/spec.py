"""The reference of a model's spec, from the JSON schema of ``ModelSpec``."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from docs.generate.markdown import GENERATED, ROOT, code, fence, from_docstring, table
from docs.generate.spec_examples import EXAMPLES, PARTS

Schema = Mapping[str, Any]


def fields() -> Iterator[tuple[str, Schema, bool]]:
    """Every field as (dotted path, its schema, whether it is required), parts before what is in them."""
    from intermodal.platform.spec import ModelSpec

    schema = ModelSpec.model_json_schema()
    yield from _below("", schema, schema.get("$defs", {}))


def _below(prefix: str, schema: Schema, definitions: Schema) -> Iterator[tuple[str, Schema, bool]]:
    for name, field in schema["properties"].items():
        part = _part(field, definitions)
        yield prefix + name, {**field, **({"part": part} if part else {})}, name in schema.get("required", ())
        if part:
            yield from _below(f"{prefix}{name}.", part, definitions)


def _part(field: Schema, definitions: Schema) -> Schema | None:
    """The schema of the part that a field holds, if it holds one."""
    forms = [field, *field.get("anyOf", ()), *field.get("allOf", ())]
    names = [form["$ref"].rsplit("/", 1)[1] for form in forms if "$ref" in form]
    return definitions[names[0]] if names and "properties" in definitions[names[0]] else None


def page() -> str:
    found = list(fields())
    parts = [
        GENERATED.format(name="spec"),
        "# Spec\n",
        "A spec is the file `models/<name>/defs.yaml`. `type` is always `intermodal.assets.Model`; the fields below "
        "stand under `attributes`. An unknown field is an error that names the file, the line and the field. "
        "`.venv/bin/dg check yaml` checks the form, and `.venv/bin/dg check defs` checks everything.\n",
        "This is the spec of the model that comes with Intermodal:\n",
        fence((ROOT / "models/flight_delay/defs.yaml").read_text("utf-8"), "yaml"),
        "## All fields\n",
        table(
            ("Field", "Type", "Default"),
            ((f"[`{path}`](#{_anchor(path)})", _type(field), _default(field, need)) for path, field, need in found),
        ),
    ]
    for path, field, need in found:
        parts += [f"{'###' if '.' in path else '##'} `{path}` {{: #{_anchor(path)} }}\n", *_field(path, field, need)]
    return "\n".join(parts)


def _anchor(path: str) -> str:
    return path.replace(".", "-").replace("_", "-")


def _field(path: str, field: Schema, required: bool) -> Iterator[str]:
    yield from_docstring(description(path, field)) + "\n"
    facts = [f"**Type:** {_type(field)}", f"**Default:** {_default(field, required)}", *_limits(field)]
    yield "  \n".join(facts) + "\n"
    yield fence(EXAMPLES[path], "yaml")


def description(path: str, field: Schema) -> str:
    """The field's own, that of its part, or what PARTS says; KeyError when none has one."""
    own = field.get("description") or field.get("part", {}).get("description")
    return str(own or PARTS[path])


def _type(field: Schema) -> str:
    if "part" in field:
        return "a part with fields of its own"
    kinds = field.get("type")
    alone = [{**field, "type": kind} for kind in kinds] if isinstance(kinds, list) else [field]
    forms = [form for form in field.get("anyOf", alone) if form.get("type") != "null"]
    return " or ".join(dict.fromkeys(_form(form) for form in forms))


def _form(form: Schema) -> str:
    if "enum" in form:
        return ", ".join(code(json.dumps(value)) for value in form["enum"])
    if "const" in form:
        return code(json.dumps(form["const"]))
    if form.get("type") == "array":
        return f"list of {_form(form['items'])}"
    if form.get("type") == "object":
        inner = form.get("additionalProperties")
        return f"mapping of names to {_type(inner)}" if isinstance(inner, dict) else "mapping"
    names = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}
    return names.get(str(form.get("type")), "any value")


def _default(field: Schema, required: bool) -> str:
    if required:
        return "required"
    if "part" in field:
        return "the defaults of its fields" if field.get("default", 0) is not None else "none"
    return code(json.dumps(field.get("default")))


def _limits(field: Schema) -> Iterator[str]:
    forms = [field, *field.get("anyOf", ())]
    for key, words in (("minimum", "at least"), ("maximum", "at most"), ("pattern", "must match")):
        for form in forms:
            if key in form:
                yield f"**Limit:** {words} {code(str(form[key]))}"
                break
