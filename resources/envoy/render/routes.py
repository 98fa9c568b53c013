"""Small words for the entrance's routes: what is matched, and answers that need no upstream."""

import json
import re
from collections.abc import Mapping, Sequence

from intermodal.resources.envoy.render.proto import Json, set_header, typed
from intermodal.resources.envoy.upstream import Published


def direct_answer(status: int, text: str, **headers: str) -> Json:
    """An answer that needs no upstream. A text with a status of 400 or more gets V2's error form from the listener."""
    body = {"body": {"inline_string": text}} if text else {}
    added = [set_header(name.replace("_", "-"), value) for name, value in headers.items()]
    return {"direct_response": {"status": status, **body}, "response_headers_to_add": added}


def document_answer(document: Mapping[str, object]) -> Json:
    return direct_answer(200, json.dumps(document), content_type="application/json")


def route_for(match: Json, action: Json, *methods: str) -> Json:
    """A route for what matches, for these methods only when any are named."""
    if methods:
        pattern = {"safe_regex": {"regex": "|".join(methods)}}
        match = {**match, "headers": [{"name": ":method", "string_match": pattern}]}
    return {"match": match, **action}


def exactly(path: str) -> Json:
    return {"path": path}


def below(model: Published, path: str) -> Json:
    """A path below the model's name, with or without the served version in it."""
    base, version = (re.escape(part) for part in (f"/v2/models/{model.route.model}", model.route.version))
    return {"safe_regex": {"regex": f"{base}(/versions/{version})?{path}"}}


def encoded(match: Json) -> Json:
    """A compressed body is refused here: platforms differ in what they make of one, and a 5xx would eject them."""
    name = "content-encoding"
    compressed = {"name": name, "string_match": {"exact": "identity"}, "invert_match": True}
    headers = [{"name": name, "present_match": True}, compressed]
    refused = direct_answer(415, "The body must not be compressed: send it without content-encoding.")
    return {"match": {**match, "headers": headers}, **refused}


def route_list(routes: Sequence[object]) -> Json:
    return {"action": {"name": "routes", "typed_config": typed("envoy.config.route.v3.RouteList", routes=routes)}}
