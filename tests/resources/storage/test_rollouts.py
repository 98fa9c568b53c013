"""Rollouts as documents in a folder."""

from pathlib import Path

import pytest

from intermodal.platform.errors import IntermodalError, Unavailable
from intermodal.resources.storage.rollouts import JsonRollouts
from tests.conformance.rollouts import ROLLOUT, RolloutsConformance


@pytest.fixture
def rollouts(tmp_path: Path) -> JsonRollouts:
    return JsonRollouts(address=str(tmp_path))


class TestJsonRollouts(RolloutsConformance):
    @pytest.fixture
    def rollouts(self, tmp_path: Path) -> JsonRollouts:
        return JsonRollouts(address=str(tmp_path))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"model": "flight_delay"}', "\ufffd"])
def test_rollout_that_is_damaged_is_named(rollouts: JsonRollouts, tmp_path: Path, text: str) -> None:
    assert rollouts.put(ROLLOUT, None)
    (tmp_path / "rollouts" / "flight_delay.json").write_text(text)
    with pytest.raises(IntermodalError, match=r"rollouts/flight_delay\.json") as caught:
        rollouts.get("flight_delay")
    assert "deploy_flight_delay" in (caught.value.hint or "")


def test_rollouts_that_cannot_be_reached_are_unavailable(tmp_path: Path) -> None:
    (tmp_path / "rollouts").write_text("a file where the folder should be")
    with pytest.raises(Unavailable, match="cannot be reached"):
        JsonRollouts(address=str(tmp_path)).put(ROLLOUT, None)
