"""What a client needs to call a model: an OpenAPI document, and requests in curl and Python."""

import json
from collections.abc import Mapping
from typing import Any

from intermodal.platform.ports.gateway import Route

Document = Mapping[str, Any]
JSON_TYPES = {"BOOL": "boolean", "BYTES": "string", "FP16": "number", "FP32": "number", "FP64": "number"}
ERRORS = {
    "400": "The body is not as described. The error names the input and the row.",
    "413": "The body is too large: send fewer rows at a time.",
    "422": "The model does not take these rows.",
    "503": "No target can serve the model now. Try again.",
}


def document_of(route: Route) -> Document:
    """OpenAPI 3.1 of the model's paths at the gateway (https://spec.openapis.org/oas/v3.1.0)."""
    base, inputs = f"/v2/models/{route.model}", tensors_of(route, "inputs")
    outputs = tensors_of(route, "outputs")
    error = {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]}
    infer = {
        "summary": f"Predict with {route.model}",
        "requestBody": {"required": True, "content": _json(_body("inputs", inputs), example_of(route))},
        "responses": {
            "200": {
                "description": "The predictions, a value or a row for each row.",
                "content": _json(_body("outputs", outputs)),
            },
            **{status: {"description": text, "content": _json(error)} for status, text in ERRORS.items()},
        },
    }
    metadata = {"summary": "Inputs and outputs", "responses": {"200": {"description": "The metadata of V2."}}}
    ready = {
        "summary": "Whether a target can answer",
        "responses": {
            "200": {"description": "It can."},
            "503": {"description": ERRORS["503"], "content": _json(error)},
        },
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": route.model,
            "version": route.version,
            "description": "Open Inference Protocol V2: https://github.com/kserve/open-inference-protocol",
        },
        "paths": {f"{base}/infer": {"post": infer}, base: {"get": metadata}, f"{base}/ready": {"get": ready}},
    }


def example_of(route: Route) -> Document:
    """A request that the model answers: its first golden row, without the id that keeps it out of the log. Without
    inputs when the golden body is not of V2, because a document must not keep a route from being published."""
    try:
        return {"inputs": json.loads(route.golden_body)["inputs"]}
    except (ValueError, KeyError, TypeError):
        return {"inputs": []}


def curl_of(route: Route, gateway: str) -> str:
    body = json.dumps(example_of(route)).replace("'", "'\\''")
    return f"curl {gateway}/v2/models/{route.model}/infer \\\n  -H 'content-type: application/json' \\\n  -d '{body}'"


def python_of(route: Route, gateway: str) -> str:
    return (
        "import httpx\n\n"
        f"body = {example_of(route)!r}\n"
        f'answer = httpx.post("{gateway}/v2/models/{route.model}/infer", json=body)\n'
        'print(answer.json()["outputs"])'
    )


def tensors_of(route: Route, name: str) -> list[dict[str, Any]]:
    """Its ``inputs`` or ``outputs``, as V2's metadata describes them."""
    found = route.metadata.get(name)
    return found if isinstance(found, list) else []


def _body(name: str, tensors: list[dict[str, Any]]) -> Document:
    items = {"anyOf": [_schema(tensor) for tensor in tensors]}
    return {
        "type": "object",
        "properties": {"id": {"type": "string"}, name: {"type": "array", "items": items}},
        "required": [name],
    }


def _schema(tensor: Document) -> Document:
    parameters = tensor.get("parameters", {})
    value = {"type": [JSON_TYPES.get(tensor["datatype"], "integer"), *(["null"] if parameters.get("optional") else [])]}
    if parameters.get("format"):
        value["format"] = parameters["format"]
    return {
        "title": tensor["name"],
        "type": "object",
        "properties": {
            "name": {"const": tensor["name"]},
            "datatype": {"const": tensor["datatype"]},
            "shape": {
                "type": "array",
                "items": {"type": "integer"},
                "description": f"{tensor['shape']}; -1: any number",
            },
            "data": {"type": "array", "items": value},
        },
        "required": ["name", "shape", "datatype", "data"],
    }


def _json(schema: Document, example: Document | None = None) -> Document:
    return {"application/json": {"schema": schema, **({"example": example} if example else {})}}
