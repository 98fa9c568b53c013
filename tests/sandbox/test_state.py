"""Records that change by themselves: RFC 7396 in the record itself, durable at once."""

from pathlib import Path

import pytest

from intermodal.sandbox.state import State


def test_merge_changes_removes_and_keeps_members_durably(tmp_path: Path) -> None:
    state = State(tmp_path / "state.json")
    record = state.table("endpoints")["a"] = {"doc": {"state": "Succeeded", "name": "a"}, "reason": "old", "keys": [1]}
    state.merge("endpoints", "a", {"doc": {"state": "Failed"}, "reason": None, "keys": [2]})
    assert record == {"doc": {"state": "Failed", "name": "a"}, "keys": [2]}
    assert State(tmp_path / "state.json").table("endpoints") == {"a": record}


def test_merge_document_for_a_value_has_no_removed_members(tmp_path: Path) -> None:
    state = State(tmp_path / "state.json")
    record = state.table("endpoints")["a"] = {"reason": "old"}
    state.merge("endpoints", "a", {"reason": {"text": "new", "code": None}, "doc": {"state": None}})
    assert record == {"reason": {"text": "new"}, "doc": {}}


def test_merge_unknown_record_is_a_key_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="nobody"):
        State(tmp_path / "state.json").merge("endpoints", "nobody", {})
