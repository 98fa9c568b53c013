from hypothesis import given
from hypothesis import strategies as st

from intermodal.resources.aws import tags

TEXT = st.text(max_size=40)


@given(st.dictionaries(TEXT, TEXT))
def test_tags_read_back_whatever_is_in_them(found: dict[str, str]) -> None:
    found = {k.encode(errors="replace").decode(): v.encode(errors="replace").decode() for k, v in found.items()}
    written = tags.to_aws(found)
    assert tags.from_aws(written) == found
    allowed = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _.:/=+-@")
    assert all(set(tag["Key"]) | set(tag["Value"]) <= allowed for tag in written)


def test_what_aws_allows_stays_as_it_is() -> None:
    assert tags.to_aws({"intermodal-team": "team:airline-operations"}) == [
        {"Key": "intermodal-team", "Value": "team:airline-operations"}
    ]
