from hypothesis import given
from hypothesis import strategies as st

from intermodal.resources.aws import tags

TEXT = st.text(max_size=40)


@given(st.dictionaries(TEXT, TEXT))
def test_tags_any_text_is_read_back(found: dict[str, str]) -> None:
    found = {k.encode(errors="replace").decode(): v.encode(errors="replace").decode() for k, v in found.items()}
    written = tags.to_aws(found)
    assert tags.from_aws(written) == found
    allowed = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _.:/=+-@")
    assert all(set(tag["Key"]) | set(tag["Value"]) <= allowed for tag in written)


def test_tags_allowed_text_is_unchanged() -> None:
    assert tags.to_aws({"intermodal-team": "team:airline-operations"}) == [
        {"Key": "intermodal-team", "Value": "team:airline-operations"}
    ]
