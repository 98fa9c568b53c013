"""What every Rollouts promises. An adapter's test inherits it and gives the fixture that raises here."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from intermodal.platform.ports.gateway import Tries
from intermodal.platform.ports.registry import Identity
from intermodal.platform.ports.rollouts import Entry, Rollout, Rollouts

ROLLOUT = Rollout(
    "flight_delay",
    Identity("1.0.0", "a" * 64),
    Identity("1.1.0"),
    (5, 25, 100),
    0,
    1764600000.25,
    before={"1.0.0": Tries({"200": 3, "0": 1}, {500.0: 1, float("inf"): 3}), "1.1.0": Tries()},
    entries=(Entry(1764600000.25, "5 % of requests go to 1.1.0"), Entry(1764600001.0, "paused", "someone")),
)


class RolloutsConformance:
    @pytest.fixture
    def rollouts(self) -> Rollouts:
        """Without any rollout."""
        raise NotImplementedError

    def test_rollouts_without_any_are_empty(self, rollouts: Rollouts) -> None:
        assert rollouts.get("flight_delay") is None
        assert list(rollouts.models()) == []

    def test_rollout_comes_back_as_it_was_put(self, rollouts: Rollouts) -> None:
        assert rollouts.put(ROLLOUT, None)
        assert rollouts.get("flight_delay") == ROLLOUT
        assert list(rollouts.models()) == ["flight_delay"]

    def test_put_from_an_older_rollout_changes_nothing(self, rollouts: Rollouts) -> None:
        newer = replace(ROLLOUT, phase="paused")
        assert rollouts.put(ROLLOUT, None)
        assert not rollouts.put(newer, None)
        assert not rollouts.put(newer, replace(ROLLOUT, step=1))
        assert rollouts.get("flight_delay") == ROLLOUT
        assert rollouts.put(newer, ROLLOUT)
        assert rollouts.get("flight_delay") == newer

    def test_put_by_many_at_once_is_done_by_one(self, rollouts: Rollouts) -> None:
        assert rollouts.put(ROLLOUT, None)
        changed = [replace(ROLLOUT, since=float(number)) for number in range(8)]
        with ThreadPoolExecutor(8) as pool:
            done = list(pool.map(lambda each: rollouts.put(each, ROLLOUT), changed))
        assert done.count(True) == 1
        assert rollouts.get("flight_delay") == changed[done.index(True)]
