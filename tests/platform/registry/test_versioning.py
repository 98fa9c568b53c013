"""The next number, decided by comparison."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intermodal.platform.errors import SpecError
from intermodal.platform.ports.registry import Fingerprint
from intermodal.platform.registry.versioning import SemanticVersion, next_version

MARK = Fingerprint("s", "d", "c", "p", "e")
numbers = st.integers(0, 10_000)


def test_next_version_without_previous_is_1_0_0() -> None:
    assert str(next_version([], MARK)[0]) == "1.0.0"


@pytest.mark.parametrize(
    ("changed", "expected", "why"),
    [
        ({"signature": "x"}, "3.0.0", "the signature changed"),
        ({"signature": "x", "data": "y"}, "3.0.0", "the signature changed"),
        ({"data": "x"}, "2.4.0", "new data"),
        ({"code": "x", "parameters": "y"}, "2.4.0", "new code and parameters"),
        ({"environment": "x"}, "2.3.5", "rebuilt"),
        ({}, "2.3.5", "rebuilt"),
    ],
)
def test_next_version_follows_the_kind_of_change(changed: dict[str, str], expected: str, why: str) -> None:
    version, reason = next_version([("2.3.4", MARK)], replace(MARK, **changed))
    assert str(version) == expected
    assert why in reason


def test_next_version_compares_with_the_newest_number() -> None:
    assert str(next_version([("1.10.0", MARK), ("1.9.0", MARK)], MARK)[0]) == "1.10.1"


@given(numbers, numbers, numbers)
def test_version_comes_back_from_its_text(major: int, minor: int, patch: int) -> None:
    version = SemanticVersion(major, minor, patch)
    assert SemanticVersion.parse(str(version)) == version


@given(st.text())
def test_version_from_other_text_is_refused(text: str) -> None:
    with pytest.raises(SpecError, match=r"1\.4\.0"):
        SemanticVersion.parse(f"v{text}")


@given(
    st.lists(st.tuples(numbers, numbers, numbers), min_size=1, max_size=5), st.sampled_from(["signature", "data", "x"])
)
def test_next_version_is_above_every_previous(known: list[tuple[int, int, int]], changed: str) -> None:
    earlier = [(str(SemanticVersion(*parts)), MARK) for parts in known]
    new = replace(MARK, **{changed: "new"}) if changed != "x" else MARK
    assert next_version(earlier, new)[0] > max(SemanticVersion(*parts) for parts in known)


@pytest.mark.parametrize(
    ("numbers_given", "changed", "expected"),
    [
        (["2.5.0"], {}, "2.6.0"),
        (["2.5.0", "2.3.4"], {"data": "x"}, "2.6.0"),
        (["2.5.0"], {"signature": "x"}, "3.0.0"),
        (["3.0.0"], {}, "4.0.0"),
        (["2.3.4", "1.0.0"], {}, "2.3.5"),
    ],
)
def test_next_version_is_above_a_lost_one(numbers_given: list[str], changed: dict[str, str], expected: str) -> None:
    version, reason = next_version([("2.3.4", MARK)], replace(MARK, **changed), numbers_given)
    assert str(version) == expected
    assert ("lost" in reason) == (numbers_given[0] != "2.3.4")


def test_next_version_when_all_are_lost_is_major() -> None:
    version, reason = next_version([], MARK, ["1.4.0"])
    assert (str(version), "1.4.0" in reason) == ("2.0.0", True)


@given(
    st.lists(st.tuples(numbers, numbers, numbers), max_size=4),
    st.lists(st.tuples(numbers, numbers, numbers), min_size=1, max_size=4),
)
def test_next_version_is_above_every_given(known: list[tuple[int, int, int]], lost: list[tuple[int, int, int]]) -> None:
    earlier = [(str(SemanticVersion(*parts)), MARK) for parts in known]
    found, _ = next_version(earlier, MARK, [str(SemanticVersion(*parts)) for parts in lost])
    assert all(found > SemanticVersion(*parts) for parts in (*known, *lost))
