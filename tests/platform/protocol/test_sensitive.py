"""Names of sensitive columns pass through environment variables unchanged, and within the length of a variable."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from intermodal.platform.protocol.sensitive import VARIABLE, from_variables, to_variables

MAX_VALUE_BYTES, MAX_VARIABLES = 1024, 100
"""SageMaker's limits: botocore, sagemaker/2017-07-24, EnvironmentValue and EnvironmentMap."""


@given(st.lists(st.text()))
@example(["a, b", 'a "quote"', "ключ", "new\nline", "", "\ud800"])
@example([f"a_column_of_a_wide_table_{number}" for number in range(1000)])
@example(["x" * 996])  # as many characters as one variable holds
@example(["x" * 997])
def test_sensitive_names_round_trip_within_limits(names: list[str]) -> None:
    variables = to_variables(names)
    assert from_variables(variables) == tuple(sorted(set(names)))
    assert all(text.isascii() and 0 < len(text) <= MAX_VALUE_BYTES for text in variables.values())
    assert len(variables) < MAX_VARIABLES


def test_sensitive_order_does_not_matter() -> None:
    assert to_variables(["b", "a", "b"]) == to_variables(["a", "b"]) == {VARIABLE: '["a", "b"]'}


def test_sensitive_no_names_give_no_variables() -> None:
    assert to_variables([]) == {}
    assert from_variables({VARIABLE: ""}) == from_variables({}) == ()


def test_sensitive_truncated_list_raises() -> None:
    variables = to_variables(["x" * 3000])
    del variables[f"{VARIABLE}_2"]
    with pytest.raises(ValueError, match="Unterminated"):
        from_variables(variables)
