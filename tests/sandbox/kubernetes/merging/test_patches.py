"""JSON merge and JSON patch. The examples are those of RFC 7396 (appendix A) and RFC 6902 (appendix A)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intermodal.sandbox.kubernetes.merging.errors import PatchRefused
from intermodal.sandbox.kubernetes.merging.patches import json_merge, json_patch

SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab", max_size=2)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=1), inner, max_size=3)
)
OBJECTS = st.dictionaries(st.text("abc", max_size=1), VALUES, max_size=4)


@pytest.mark.parametrize(
    ("live", "patch", "merged"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_json_merge_examples_of_the_rfc(live: Any, patch: Any, merged: Any) -> None:
    assert json_merge(live, patch) == merged


@given(OBJECTS, OBJECTS)
def test_json_merge_twice_changes_nothing(live: dict[str, Any], patch: dict[str, Any]) -> None:
    merged = json_merge(live, patch)
    assert json_merge(merged, patch) == merged


@pytest.mark.parametrize(
    ("live", "operation", "patched"),
    [
        ({"foo": "bar"}, {"op": "add", "path": "/baz", "value": "qux"}, {"baz": "qux", "foo": "bar"}),
        ({"foo": ["a", "c"]}, {"op": "add", "path": "/foo/1", "value": "b"}, {"foo": ["a", "b", "c"]}),
        ({"foo": ["a"]}, {"op": "add", "path": "/foo/-", "value": ["b"]}, {"foo": ["a", ["b"]]}),
        ({"baz": 1, "foo": 2}, {"op": "remove", "path": "/baz"}, {"foo": 2}),
        ({"foo": ["a", "b"]}, {"op": "remove", "path": "/foo/0"}, {"foo": ["b"]}),
        ({"baz": 1}, {"op": "replace", "path": "/baz", "value": None}, {"baz": None}),
        ({"a": {"b": 1}, "c": {}}, {"op": "move", "from": "/a/b", "path": "/c/d"}, {"a": {}, "c": {"d": 1}}),
        ({"a": [1, 2, 3]}, {"op": "move", "from": "/a/0", "path": "/a/2"}, {"a": [2, 3, 1]}),
        ({"a": {"b": 1}}, {"op": "copy", "from": "/a", "path": "/c"}, {"a": {"b": 1}, "c": {"b": 1}}),
        ({"/": 9, "~1": 10}, {"op": "test", "path": "/~01", "value": 10}, {"/": 9, "~1": 10}),
        ({"a/b": 1}, {"op": "replace", "path": "/a~1b", "value": 2}, {"a/b": 2}),
        ({"a": 1}, {"op": "replace", "path": "", "value": {"b": 1}}, {"b": 1}),
    ],
)
def test_json_patch_examples_of_the_rfc(live: Any, operation: dict[str, Any], patched: Any) -> None:
    assert json_patch(live, [operation]) == patched


@pytest.mark.parametrize(
    ("operation", "code", "text"),
    [
        ({"op": "test", "path": "/a", "value": 2}, 422, "testing value /a failed"),
        ({"op": "test", "path": "/a", "value": True}, 422, "testing value /a failed"),
        ({"op": "add", "path": "/x/y", "value": 1}, 422, "doc is missing path: /x/y"),
        ({"op": "remove", "path": "/x"}, 422, "doc is missing path: /x"),
        ({"op": "replace", "path": "/x", "value": 1}, 422, "doc is missing path: /x"),
        ({"op": "add", "path": "/l/2", "value": 1}, 422, "unable to access index 2"),
        ({"op": "replace", "path": "/l/00", "value": 1}, 422, "unable to access index 00"),
        ({"op": "move", "from": "/l", "path": "/l/0"}, 422, "is inside of"),
        ({"op": "add", "path": "/a"}, 400, "missing value field"),
        ({"op": "copy", "path": "/a"}, 400, "missing from field"),
        ({"op": "rename", "path": "/a"}, 400, "Unexpected kind: rename"),
        ({"op": "add", "path": "a", "value": 1}, 400, "does not begin with"),
    ],
)
def test_json_patch_that_does_not_fit_is_refused(operation: dict[str, Any], code: int, text: str) -> None:
    live = {"a": 1, "l": [0]}
    with pytest.raises(PatchRefused, match=text) as refused:
        json_patch(live, [{"op": "add", "path": "/l/-", "value": 1}, {"op": "remove", "path": "/l/1"}, operation])
    assert refused.value.code == code
    assert live == {"a": 1, "l": [0]}


@given(OBJECTS, OBJECTS)
def test_json_patch_of_the_whole_replaces_it(live: dict[str, Any], other: dict[str, Any]) -> None:
    operations = [{"op": "test", "path": "", "value": live}, {"op": "replace", "path": "", "value": other}]
    assert json_patch(live, operations) == other
