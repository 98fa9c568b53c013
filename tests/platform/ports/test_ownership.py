"""Whose an endpoint is, by its tags."""

from dataclasses import replace

import pytest

from intermodal.platform.errors import Refused
from intermodal.platform.ports import ownership
from intermodal.platform.ports.endpoints import DeployRequest

REQUEST = DeployRequest("a_b", "1.0.0", "sandbox", "ops", "image", "s3://b/m")


def test_tags_of_the_request_itself_are_taken() -> None:
    corrected = replace(REQUEST, owner="another-team", tags={"cost_centre": "1"})
    ownership.require_requested(REQUEST, corrected.all_tags, "Endpoint")
    ownership.require_own_name(REQUEST.name, corrected.all_tags, "Endpoint")


@pytest.mark.parametrize(
    ("other", "owner"),
    [
        ({"model": "a__b"}, "that of a__b 1.0.0 in 'sandbox'"),
        ({"version": "2.0.0"}, "that of a_b 2.0.0 in 'sandbox'"),
        ({"environment": "production"}, "that of a_b 1.0.0 in 'production'"),
    ],
)
def test_tags_of_another_are_refused_with_its_name(other: dict[str, str], owner: str) -> None:
    tags = replace(REQUEST, **other).all_tags
    assert not ownership.is_named_so(REQUEST.name, tags)
    with pytest.raises(Refused, match=f"Endpoint 'a-b-1-0-0-sandbox' exists and is {owner}, not that of a_b 1.0.0"):
        ownership.require_requested(REQUEST, tags, "Endpoint")
    with pytest.raises(Refused, match=owner) as caught:
        ownership.require_own_name(REQUEST.name, tags, "Endpoint")
    assert "give the model another name" in caught.value.hint


@pytest.mark.parametrize("tags", [{}, {"intermodal-model": "a_b"}, {"cost_centre": "1"}, {"intermodal-model": ""}])
def test_tags_that_are_missing_are_refused(tags: dict[str, str]) -> None:
    for call in (ownership.require_requested, ownership.require_own_name):
        with pytest.raises(Refused):
            call(REQUEST if call is ownership.require_requested else REQUEST.name, tags, "Endpoint")  # type: ignore[arg-type]
