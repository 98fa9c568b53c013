"""What is published, as typed JSON: one file a model, from which everything else is rendered. No secret is in it."""

import json
import logging
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from intermodal.platform.errors import IntermodalError, SpecError
from intermodal.platform.ports.endpoints import ErrorEnvelope
from intermodal.platform.ports.gateway import Route
from intermodal.platform.targets import parse_target
from intermodal.resources.envoy.settings import Paths
from intermodal.resources.envoy.upstream import Published, UpstreamConfig

log = logging.getLogger(__name__)

DAMAGES = (ValueError, TypeError, KeyError, AttributeError, SpecError)
"""What reading a damaged file raises."""


def state_file(model: str, paths: Paths) -> Path:
    return paths.routes / f"{model}.json"


def state_text(model: Published) -> str:
    canary = {"canary": _part(model.canary), "share": model.share} if model.canary else {}
    return json.dumps({**_part(model), **canary}, indent=1)


def _part(model: Published) -> dict[str, Any]:
    weights = {str(target): weight for target, weight in model.route.weights.items()}
    upstreams = [{**asdict(upstream), "target": str(upstream.target)} for upstream in model.upstreams]
    return {"route": {**vars(model.route), "weights": weights}, "upstreams": upstreams}


def spare_of(path: Path) -> Path:
    """What is read should a state file be damaged: Envoy's files are rendered of all, and one must not stop all."""
    return path.with_suffix(".spare")


def read_state(path: Path) -> Published | None:
    """One model as it was published; None when it is not, IntermodalError when the file and its spare are damaged."""
    try:
        text = path.read_text(encoding="utf-8")
        if _is_of_an_earlier_release(text):
            log.warning("%s is of a release before targets: deploy the model again.", path)
            return None
        return _parsed(text)
    except FileNotFoundError:
        return None
    except DAMAGES as error:
        try:
            found = _parsed(spare_of(path).read_text(encoding="utf-8"))
        except (OSError, *DAMAGES):
            hint = "Withdraw the model, or remove the file and deploy the model again."
            raise IntermodalError(f"{path} is damaged: {error}.", hint=hint) from error
        log.error("%s is damaged, its spare is used: %s", path, error)
        return found


def _is_of_an_earlier_release(text: str) -> bool:
    """Routes were keyed by cloud before release 0.2. Such a file names no target, so its model is not published until
    it is deployed again; it must not stop other models from being published."""
    data = json.loads(text)
    return isinstance(data, dict) and "lanes" in data


def _parsed(text: str) -> Published:
    data = json.loads(text)
    found = _parsed_part(data)
    return replace(found, canary=_parsed_part(data["canary"]), share=data["share"]) if "canary" in data else found


def _parsed_part(data: dict[str, Any]) -> Published:
    weights = {parse_target(target): weight for target, weight in data["route"]["weights"].items()}
    route = Route(**{**data["route"], "weights": weights})
    return Published(route, tuple(_upstream(fields) for fields in data["upstreams"]))


def _upstream(fields: dict[str, Any]) -> UpstreamConfig:
    target, errors = parse_target(fields["target"]), ErrorEnvelope(**fields["errors"])
    return UpstreamConfig(**{**fields, "target": target, "errors": errors})


READ: dict[Path, tuple[tuple[int, int, int], Published | None]] = {}
"""What this process has read (None: of an earlier release), with the file's inode, time and size: a file is replaced
whole, never changed."""


def read_known(path: Path) -> Published | None:
    """As ``read_state``, without reading the same file again: a sensor reads a thousand every few seconds."""
    try:
        now = path.stat()
    except FileNotFoundError:
        READ.pop(path, None)
        return None
    mark = (now.st_ino, now.st_mtime_ns, now.st_size)
    if path in READ and READ[path][0] == mark:
        return READ[path][1]
    found = read_state(path)
    READ[path] = (mark, found)
    return found


def names(paths: Paths) -> list[str]:
    """Every model that is published, also one whose file is damaged: what serves it is still in use."""
    return sorted(path.stem for path in paths.routes.glob("[!.]*.json"))


def read_all(paths: Paths, but: str = "") -> dict[str, Published]:
    """IntermodalError when one is damaged: Envoy's files are rendered of all, and without it they would lose it.
    ``but`` is not read: it is about to be written."""
    found = {name: read_known(state_file(name, paths)) for name in names(paths) if name != but}
    return {name: model for name, model in found.items() if model is not None}


def read_sound(paths: Paths) -> dict[str, Published]:
    """All but the damaged ones, which are logged: one must not keep the others from being watched."""
    found: dict[str, Published | None] = {}
    for name in names(paths):
        try:
            found[name] = read_known(state_file(name, paths))
        except IntermodalError as error:
            log.error("%s", error)
    return {name: model for name, model in found.items() if model is not None}
