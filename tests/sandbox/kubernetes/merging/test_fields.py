"""Sets of paths and their form in managedFields."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intermodal.sandbox.kubernetes.merging.fields import below, compact, decode, encode, show

ELEMENTS = (
    st.text("ab./~:", min_size=1, max_size=4).map("f:{}".format)
    | st.dictionaries(st.sampled_from("nm"), st.integers() | st.text(max_size=3), min_size=1).map(
        lambda keys: f"k:{compact(keys)}"
    )
    | (st.text(max_size=3) | st.integers() | st.booleans()).map(lambda value: f"v:{compact(value)}")
    | st.integers(0, 9).map("i:{}".format)
)
SETS = st.frozensets(st.lists(ELEMENTS, min_size=1, max_size=4).map(tuple), max_size=8)


@given(SETS)
def test_fields_v1_round_trip(fields: frozenset[tuple[str, ...]]) -> None:
    assert decode(json.loads(json.dumps(encode(fields)))) == fields


def test_encode_marks_members_that_have_children() -> None:
    fields = frozenset({("f:a",), ("f:a", "f:b"), ("f:c", "f:d")})
    assert encode(fields) == {"f:a": {".": {}, "f:b": {}}, "f:c": {"f:d": {}}}


def test_decode_accepts_keys_in_any_form() -> None:
    assert decode({'k:{"b": 1, "a": "x"}': {}}) == {('k:{"a":"x","b":1}',)}


@pytest.mark.parametrize(
    ("path", "printed"),
    [
        (("f:spec", "f:replicas"), ".spec.replicas"),
        (("f:ports", 'k:{"containerPort":80,"protocol":"TCP"}'), '.ports[containerPort=80,protocol="TCP"]'),
        (("f:finalizers", 'v:"a/b"'), '.finalizers[="a/b"]'),
        (("f:l", "i:0"), ".l[0]"),
    ],
)
def test_show_prints_as_the_server_does(path: tuple[str, ...], printed: str) -> None:
    assert show(path) == printed


def test_below_holds_roots_and_what_is_under_them() -> None:
    fields = frozenset({("f:a",), ("f:a", "f:b"), ("f:ab",)})
    assert below(fields, frozenset({("f:a",)})) == {("f:a",), ("f:a", "f:b")}
