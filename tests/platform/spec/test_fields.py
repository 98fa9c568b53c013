"""Names and tags that a spec may not give."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from intermodal.platform.spec import ModelSpec
from intermodal.resources.azure.targets.ml.documents import tags_of
from intermodal.resources.gcp.labels import labels
from tests.platform.target_sets import spec_on
from tests.targets import AWS


def tagged(tags: dict[str, str]) -> ModelSpec:
    return spec_on([AWS], tags=tags)


@pytest.mark.parametrize(
    "name", ["and_deploy_", "and_deploy_a", "broken_models", "a__drill", "a__endpoint_x", "a__b__drift"]
)
def test_name_of_anothers_jobs_or_group_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match=f"'{name}' is reserved.*another name"):
        spec_on([AWS], name=name)


@pytest.mark.parametrize(
    "name", ["and_deploy", "deploy_a", "train_a", "data_x", "a_and_deploy_b", "drift", "yes", "a__b", "a__drills"]
)
def test_name_that_contains_a_verb_is_free(name: str) -> None:
    assert spec_on([AWS], name=name).name == name


@pytest.mark.parametrize("tag", ["intermodal-model", "Intermodal-Version", "intermodal-anything", "model", "Model"])
def test_tag_of_ours_is_refused(tag: str) -> None:
    with pytest.raises(ValidationError, match=f"{tag}: Intermodal sets tags"):
        tagged({"cost_centre": "1", tag: "b"})


@pytest.mark.parametrize("other", ["Cost_Centre", "cost.centre", "cost/centre"])
def test_tags_that_are_one_label_are_refused(other: str) -> None:
    with pytest.raises(ValidationError, match=f"'cost_centre' and '{other}' are one label"):
        tagged({"cost_centre": "1", other: "2"})


@given(st.dictionaries(st.from_regex(r"[a-zA-Z.\-_/]{1,4}", fullmatch=True) | st.text(max_size=70), st.just("x")))
def test_tags_that_are_taken_stay_as_many_on_a_cloud(tags: dict[str, str]) -> None:
    try:
        spec = tagged(tags)
    except ValidationError:
        return
    assert len(labels(spec.tags)) == len({tag.lower() for tag in tags_of(spec.tags)}) == len(tags)
