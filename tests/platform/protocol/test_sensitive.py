"""Names of sensitive columns travel as variables: whole, whatever is in them, and in no variable too long."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from intermodal.platform.protocol.sensitive import VARIABLE, from_variables, to_variables

MOST_BYTES, MOST_VARIABLES = 1024, 100
"""SageMaker's limits: botocore, sagemaker/2017-07-24, EnvironmentValue and EnvironmentMap."""


@given(st.lists(st.text()))
@example(["a, b", 'a "quote"', "ключ", "new\nline", "", "\ud800"])
@example([f"a_column_of_a_wide_table_{number}" for number in range(1000)])
@example(["x" * 996])  # as many characters as one variable holds
@example(["x" * 997])
def test_names_come_back_and_fit(names: list[str]) -> None:
    variables = to_variables(names)
    assert from_variables(variables) == tuple(sorted(set(names)))
    assert all(text.isascii() and 0 < len(text) <= MOST_BYTES for text in variables.values())
    assert len(variables) < MOST_VARIABLES


def test_the_order_of_names_changes_nothing() -> None:
    assert to_variables(["b", "a", "b"]) == to_variables(["a", "b"]) == {VARIABLE: '["a", "b"]'}


def test_without_names_nothing_is_said() -> None:
    assert to_variables([]) == {}
    assert from_variables({VARIABLE: ""}) == from_variables({}) == ()


def test_a_list_whose_end_is_lost_is_no_list() -> None:
    variables = to_variables(["x" * 3000])
    del variables[f"{VARIABLE}_2"]
    with pytest.raises(ValueError, match="Unterminated"):
        from_variables(variables)
