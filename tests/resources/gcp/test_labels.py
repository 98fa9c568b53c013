import re

from hypothesis import given
from hypothesis import strategies as st

from intermodal.resources.gcp.labels import labels


@given(st.dictionaries(st.text(max_size=80), st.text(max_size=80), max_size=5))
def test_labels_any_tag_follow_googles_rules(tags: dict[str, str]) -> None:
    for key, value in labels(tags).items():
        assert re.fullmatch(r"[a-z][a-z0-9_-]{0,62}", key)
        assert re.fullmatch(r"[a-z0-9_-]{0,63}", value)


def test_labels_usual_tags_are_readable() -> None:
    tags = {"intermodal-version": "1.4.0", "intermodal-team": "team:airline-operations", "Cost Centre": "ops-42"}
    assert labels(tags) == {
        "intermodal-version": "1_4_0",
        "intermodal-team": "team_airline-operations",
        "cost_centre": "ops-42",
    }
