"""Any tag is a valid label, two tags stay two, and all are read back unchanged."""

import re

from hypothesis import given
from hypothesis import strategies as st

from intermodal.resources.kubernetes.labels import TAGS_ANNOTATION, label_text, metadata, tag_labels, tags_of

VALID = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?")
NEAR = st.text(alphabet="ab_.-: /=", max_size=70) | st.text(max_size=80)
"""Texts that differ in little, and any others."""


def is_label(text: str) -> bool:
    return len(text) <= 63 and bool(VALID.fullmatch(text))


@given(NEAR)
def test_label_text_is_a_label(text: str) -> None:
    assert is_label(label_text(text))


@given(NEAR, NEAR)
def test_label_texts_of_two_stay_two(text: str, other: str) -> None:
    assert (label_text(text) == label_text(other)) == (text == other)


@given(NEAR)
def test_label_text_of_a_label_with_a_hash_is_another(text: str) -> None:
    written = label_text(text)
    assert written == text or label_text(written) != written


@given(st.text(alphabet="ab.-_", min_size=1, max_size=63).filter(is_label))
def test_label_text_of_a_label_is_itself(text: str) -> None:
    assert label_text(text) == text


def test_label_text_keeps_what_a_person_reads() -> None:
    assert label_text("1.2.0") == "1.2.0"
    assert label_text("team:airline-operations").startswith("team_airline-operations-")
    assert label_text("team:a.b") != label_text("team:a_b") != label_text("team_a_b")


@given(st.dictionaries(NEAR, NEAR, max_size=6))
def test_tags_are_read_back(tags: dict[str, str]) -> None:
    document = {"metadata": metadata("n", "models", tags)}
    assert tags_of(document) == tags
    assert len(tag_labels(tags)) == len(tags)


def test_tags_of_a_stranger_are_none() -> None:
    for annotations in ({}, {TAGS_ANNOTATION: "no json"}, {TAGS_ANNOTATION: "[1]"}):
        assert tags_of({"metadata": {"annotations": annotations}}) == {}
    assert tags_of({"metadata": {}}) == {}
