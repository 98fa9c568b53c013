"""Which number a candidate is registered under."""

import logging
from types import SimpleNamespace
from typing import Any

import pytest

from intermodal.platform.errors import NumberTaken
from intermodal.platform.ports.registry import Fingerprint, History, Identity
from intermodal.platform.registry.registration import TRIES, register_next

MARK = Fingerprint("s", "d", "c", "p", "e")
LOG = logging.getLogger(__name__)


class Contested:
    """Another registration takes the number before each of the first ``others`` calls."""

    def __init__(self, others: int) -> None:
        self.others, self.newest = others, "1.0.0"

    def history(self, model: str) -> History:
        assert model == "m"
        return History(newest=self.newest)

    def register(self, candidate: Any, version: str) -> Any:
        if self.others:
            self.others, self.newest = self.others - 1, version
            raise NumberTaken(f"{version} was given.")
        return SimpleNamespace(version=version, candidate=candidate)


CANDIDATE: Any = SimpleNamespace(model="m", record=SimpleNamespace(run_id="r", fingerprint=MARK))


def test_register_next_passes_numbers_that_others_took() -> None:
    """Each number is MAJOR: no version is left to compare with. 5.0.0 is the highest of the remembered."""
    registry: Any = Contested(2)
    assert register_next(registry, CANDIDATE, ["5.0.0"], LOG).version.version == "8.0.0"


def test_register_next_gives_up_after_its_tries() -> None:
    registry: Any = Contested(TRIES)
    with pytest.raises(NumberTaken):
        register_next(registry, CANDIDATE, [], LOG)


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        (Identity("1.0.0", "a"), Identity("1.0.0", "a"), True),
        (Identity("1.0.0", "a"), Identity("1.0.0", "b"), False),
        (Identity("1.0.0", "a"), Identity("1.0.0"), True),
        (Identity("1.0.0", "a"), Identity("1.1.0", "a"), False),
    ],
)
def test_identity_is_compared_by_digest_where_both_have_one(first: Identity, second: Identity, same: bool) -> None:
    assert first.same_as(second) == second.same_as(first) == same
