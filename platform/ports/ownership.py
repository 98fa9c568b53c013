"""Whose an existing resource is, by its tags.

A target compares them before it updates or deletes: a name that is taken does not say by whom. An endpoint that another
team, another model or a person made keeps serving its callers.
"""

from collections.abc import Mapping

from intermodal.platform.errors import Refused
from intermodal.platform.ports.endpoints import (
    ENVIRONMENT_TAG,
    MODEL_TAG,
    VERSION_TAG,
    DeployRequest,
    endpoint_name,
)

TAGS = ", ".join((MODEL_TAG, VERSION_TAG, ENVIRONMENT_TAG))
WAY_OUT = (
    "Delete or rename it by hand if nothing needs it, or give the model another name: `name` in its defs.yaml. "
    f"If its tags were removed, restore them: {TAGS}."
)


def is_named_so(name: str, tags: Mapping[str, str]) -> bool:
    """Whether the tags are those of the model, version and environment that this endpoint's name stands for."""
    return bool(tags.get(MODEL_TAG)) and name == endpoint_name(
        tags[MODEL_TAG], tags.get(VERSION_TAG, ""), tags.get(ENVIRONMENT_TAG, "")
    )


def require_requested(request: DeployRequest, tags: Mapping[str, str], what: str) -> None:
    """Refused unless the existing endpoint of the request's name is the request's own. ``what``: the endpoint's kind.

    Tags beside model, version and environment may differ: a deploy corrects them.
    """
    wanted = {MODEL_TAG: request.model, VERSION_TAG: request.version, ENVIRONMENT_TAG: request.environment}
    if any(tags.get(tag) != value for tag, value in wanted.items()):
        own = f"not that of {request.model} {request.version} in '{request.environment}'"
        raise Refused(f"{what} '{request.name}' exists and is {_owner(tags)}, {own}.", hint=WAY_OUT)


def require_own_name(name: str, tags: Mapping[str, str], what: str) -> None:
    """Refused unless the endpoint is the one for which Intermodal gives this name."""
    if not is_named_so(name, tags):
        raise Refused(f"{what} '{name}' is {_owner(tags)}, so it is not deleted.", hint=WAY_OUT)


def _owner(tags: Mapping[str, str]) -> str:
    if not tags.get(MODEL_TAG):
        return "one that was not made by Intermodal"
    return f"that of {tags[MODEL_TAG]} {tags.get(VERSION_TAG, '')} in '{tags.get(ENVIRONMENT_TAG, '')}'"
