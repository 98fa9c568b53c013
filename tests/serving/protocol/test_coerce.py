"""The values that a column accepts, and the error for any other."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intermodal.platform.protocol.signature import Column, Datatype
from intermodal.serving.errors import RequestError
from intermodal.serving.protocol.coerce import coercer

TAKEN: list[tuple[Datatype, Any, Any]] = [
    ("FP64", 1, 1.0),
    ("FP64", " 1", None),
    ("FP64", "1.5e3", 1500.0),
    ("FP64", "-.5", -0.5),
    ("FP64", "nan", None),
    ("FP64", "1_000", None),
    ("FP64", "٣", None),
    ("FP64", "1e999", None),
    ("FP64", float("inf"), None),
    ("FP64", 10**400, None),
    ("FP64", "9" * 5000, None),
    ("FP64", True, None),
    ("FP64", [1.0], None),
    ("INT64", 3.0, 3),
    ("INT64", 3.5, None),
    ("INT64", "9007199254740993", 9007199254740993),
    ("INT64", "3.0", 3),
    ("INT64", "3.5", None),
    ("INT64", 2**63, None),
    ("INT64", -(2**63), -(2**63)),
    ("INT64", 2.0**63, None),
    ("INT64", 1e300, None),
    ("INT64", False, None),
    ("INT64", "", None),
    ("BOOL", 1, True),
    ("BOOL", 0.0, False),
    ("BOOL", "True", True),
    ("BOOL", "0", False),
    ("BOOL", 2, None),
    ("BOOL", "yes", None),
    ("BYTES", "x", "x"),
    ("BYTES", 1, None),
    ("BYTES", 1.5, None),
    ("BYTES", True, None),
    ("BYTES", {"a": 1}, None),
]


@pytest.mark.parametrize(("datatype", "given_value", "taken"), TAKEN)
def test_coercer_value_is_converted_or_rejected(datatype: Datatype, given_value: Any, taken: Any) -> None:
    coerce = coercer(Column("c", datatype))
    if taken is None:
        with pytest.raises(RequestError, match=r"Column 'c', row 1: expected .+, got .+"):
            coerce([{"FP64": 0.5, "INT64": 1, "BOOL": True, "BYTES": "a"}[datatype], given_value], {})
    else:
        (value,) = coerce([given_value], {})
        assert value == taken
        assert type(value) is type(taken)


@pytest.mark.parametrize("datatype", ["FP64", "INT64", "BOOL", "BYTES"])
@pytest.mark.parametrize("missing", [None, math.nan])
def test_coercer_missing_needs_nullable_column(datatype: Datatype, missing: Any) -> None:
    assert coercer(Column("c", datatype, nullable=True))([missing], {}) == [None]
    with pytest.raises(RequestError, match="row 0: the value is missing"):
        coercer(Column("c", datatype))([missing], {})


def test_coercer_unseen_differs_from_missing() -> None:
    coerce, unseen = coercer(Column("c", "BYTES", nullable=True, categories=("a", "b"))), {}
    assert coerce(["a", None, "z", "b", "y"], unseen) == ["a", None, None, "b", None]
    assert unseen == {"c": {2: "z", 4: "y"}}


def test_coercer_unseen_text_is_shortened() -> None:
    coerce, unseen = coercer(Column("c", "BYTES", categories=("a",))), {}
    assert coerce(["ü" * 64, "ü" * 65, ""], unseen) == [None, None, None]
    assert unseen == {"c": {0: "ü" * 64, 1: "ü" * 63 + "…", 2: ""}}
    unseen.clear()
    assert coerce(["a"], unseen) == ["a"]
    assert coerce(["a", "a"], unseen) == ["a", "a"]
    assert unseen == {}


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)


@given(st.sampled_from(["FP64", "INT64", "BOOL", "BYTES"]), st.booleans(), st.lists(ANY, max_size=4))
def test_coercer_any_value_is_typed_or_rejected(datatype: Datatype, nullable: bool, values: list[Any]) -> None:
    try:
        taken = coercer(Column("c", datatype, nullable))(values, {})
    except RequestError:
        return
    kind = {"FP64": float, "INT64": int, "BOOL": bool, "BYTES": str}[datatype]
    assert all(type(value) is kind or (nullable and value is None) for value in taken)
    assert len(taken) == len(values)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=5))
def test_coercer_floats_are_unchanged(values: list[float]) -> None:
    assert coercer(Column("c", "FP64"))(values, {}) == values
