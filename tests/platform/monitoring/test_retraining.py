"""Decisions on drift: one action for each onset, and never a loop."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from intermodal.platform.monitoring.retraining import (
    DAY_SECONDS,
    RETRY_SECONDS,
    DriftObservation,
    RetrainingDecision,
    RetrainingMemory,
    decide,
    recalled,
)
from intermodal.platform.spec import DriftPolicy

POLICY = DriftPolicy(cooldown_hours=24, retrains_per_day=1)
NOW = 1_700_000_000.0


def seen(version: str = "1.0.0", drifted: bool | None = True, **fields: object) -> DriftObservation:
    return DriftObservation(version, drifted, **{"measured_at": NOW, "newer": True, "held_out": "2013-04", **fields})  # type: ignore[arg-type]


def test_decide_on_the_first_drift_retrains_once() -> None:
    memory, decision = decide(RetrainingMemory(), seen(), POLICY, NOW)
    assert (decision.action, decision.key) == ("retrain", f"1.0.0-{int(NOW)}")
    assert decide(memory, seen(training=True), POLICY, NOW + 10)[1].action == "wait"


def test_decide_after_a_retraining_without_version_notifies_once() -> None:
    memory, _ = decide(RetrainingMemory(), seen(), POLICY, NOW)
    memory, decision = decide(memory, seen(), POLICY, NOW + 60)
    assert (decision.action, decision.key) == ("ask people", f"1.0.0-not-replaced-{int(NOW)}")
    assert decide(memory, seen(), POLICY, NOW + 120)[1].action == "wait"


def test_decide_after_a_crash_retries_once_after_a_pause() -> None:
    memory, first = decide(RetrainingMemory(), seen(), POLICY, NOW)
    memory, decision = decide(memory, seen(crashed_at=NOW + 60), POLICY, NOW + 70)
    assert (decision.action, decision.reason) == ("wait", "the retraining failed, and is tried once more in 60 min")
    later = NOW + 61 + RETRY_SECONDS
    memory, again = decide(memory, seen(crashed_at=NOW + 60), POLICY, later)
    assert (again.action, again.key) == ("retrain", f"{first.key}-again")
    assert decide(memory, seen(training=True), POLICY, later + 10)[1].action == "wait"
    memory, decision = decide(memory, seen(crashed_at=later + 20), POLICY, later + 30)
    assert (decision.action, decision.key) == ("ask people", f"1.0.0-not-trained-{int(NOW)}")
    assert "failed twice" in decision.reason
    assert decide(memory, seen(crashed_at=later + 20), POLICY, later + DAY_SECONDS)[1].action == "wait"


def test_decide_after_a_rejected_retry_notifies() -> None:
    memory, _ = decide(RetrainingMemory(), seen(), POLICY, NOW)
    memory, _ = decide(memory, seen(crashed_at=NOW + 60), POLICY, NOW + 61 + RETRY_SECONDS)
    _, decision = decide(memory, seen(), POLICY, NOW + 90 + RETRY_SECONDS)
    assert (decision.action, decision.key) == ("ask people", f"1.0.0-not-replaced-{int(NOW)}")


def test_decide_ignores_an_earlier_crash() -> None:
    memory, decision = decide(RetrainingMemory(), seen(crashed_at=NOW - DAY_SECONDS), POLICY, NOW)
    assert decision.action == "retrain"
    assert decide(memory, seen(crashed_at=NOW - DAY_SECONDS), POLICY, NOW + 60)[1].action == "ask people"


def test_decide_for_a_good_version_not_replaced_notifies() -> None:
    memory, _ = decide(RetrainingMemory(), seen(drifted=False), POLICY, NOW)
    memory, first = decide(memory, seen(), POLICY, NOW + 1)
    memory, second = decide(memory, seen(), POLICY, NOW + 2 * DAY_SECONDS)
    assert (first.action, second.action) == ("retrain", "ask people")
    assert second.key == f"1.0.0-not-replaced-{int(NOW)}"


def test_decide_for_a_retrained_version_that_drifts_notifies() -> None:
    memory, _ = decide(RetrainingMemory(), seen(), POLICY, NOW)
    memory, decision = decide(memory, seen("1.1.0"), POLICY, NOW + 2 * DAY_SECONDS)
    assert (decision.action, decision.key) == ("ask people", f"1.1.0-not-cured-{int(NOW)}")


def test_decide_after_the_cooldown_retrains_again() -> None:
    memory, _ = decide(RetrainingMemory(), seen(), POLICY, NOW)
    memory, cured = decide(memory, seen("1.1.0", drifted=False), POLICY, NOW + 60)
    assert cured.action == "nothing"
    assert decide(memory, seen("1.1.0"), POLICY, NOW + 3600)[1].action == "wait"
    assert decide(memory, seen("1.1.0"), POLICY, NOW + DAY_SECONDS + 61)[1].action == "retrain"


def test_decide_without_newer_data_notifies() -> None:
    _, decision = decide(RetrainingMemory(), seen(newer=False), POLICY, NOW)
    assert decision == RetrainingDecision(
        "ask people", f"1.0.0-no-new-data-{int(NOW)}", "there is no data newer than 2013-04, which it was judged on"
    )


def test_decide_with_another_champion_waits_and_keeps_the_onset() -> None:
    memory, decision = decide(RetrainingMemory(), seen(champion="1.1.0"), POLICY, NOW)
    assert decision.action == "wait"
    assert "1.1.0 is champion now" in decision.reason
    _, decision = decide(memory, seen(measured_at=NOW + 60), POLICY, NOW + 60)  # a person made 1.0.0 champion again
    assert (decision.action, decision.key) == ("retrain", f"1.0.0-{int(NOW)}")


def test_decide_over_the_daily_limit_notifies() -> None:
    policy = DriftPolicy(cooldown_hours=0, retrains_per_day=1)
    memory, _ = decide(RetrainingMemory(), seen(), policy, NOW)
    memory, _ = decide(memory, seen("1.1.0", drifted=False), policy, NOW + 60)
    memory, decision = decide(memory, seen("1.1.0"), policy, NOW + 120)
    assert decision.action == "ask people"
    assert "limit" in decision.key
    assert decide(memory, seen("1.1.0"), policy, NOW + DAY_SECONDS + 1)[1].action == "retrain"


@pytest.mark.parametrize(
    "memory", [RetrainingMemory(), RetrainingMemory("1.0.0", NOW, True, "0.9.0", (NOW, NOW + 1), "key", "0.9.0-1")]
)
def test_memory_comes_back_from_its_dict(memory: RetrainingMemory) -> None:
    assert RetrainingMemory.from_dict(memory.to_dict()) == memory


Step = tuple[bool | None, bool, bool, float]
STEPS = st.lists(
    st.tuples(st.sampled_from([True, False, None]), st.booleans(), st.booleans(), st.floats(1, 2 * DAY_SECONDS)),
    max_size=40,
)


@given(STEPS, st.integers(0, 3), st.floats(0, 100))
@example([(False, False, False, 1.0), (True, False, False, 1.0), (True, False, False, 1.5 * DAY_SECONDS)], 3, 0.0)
@example([(True, False, False, 1.0), (False, True, False, 1.0), (True, False, False, 1.5 * DAY_SECONDS)], 3, 72.0)
@example([(True, False, False, 1.0), (False, False, False, 1.0), (True, False, False, 1.0)], 0, 0.0)
@example([(True, False, False, 1.0), (True, False, False, 1.0), (False, False, False, DAY_SECONDS)] * 2, 3, 0.0)
def test_decide_keeps_the_limits_and_acts_once_for_each_event(steps: list[Step], limit: int, cooldown: float) -> None:
    """Each step: drifted or not, whether a retraining gave a new version, whether one runs, seconds later."""
    policy = DriftPolicy(cooldown_hours=cooldown, retrains_per_day=limit)
    memory, now, number, started, notices = RetrainingMemory(), NOW, 0, list[tuple[float, str]](), list[str]()
    for drifted, replaced, training, later in steps:
        now += later
        number += replaced
        memory = RetrainingMemory.from_dict(memory.to_dict())  # as after a restart
        memory, decision = decide(
            memory, seen(f"1.{number}.0", drifted, measured_at=now, training=training), policy, now
        )
        if decision.action == "retrain":
            assert drifted
            assert not training
            started.append((now, decision.key))
        if decision.action == "ask people":
            notices.append(decision.key)
    assert len({key for _, key in started}) == len(started)
    for start, _ in started:
        assert sum(start <= other < start + DAY_SECONDS for other, _ in started) <= max(limit, 0)
    for (start, _), (following, _) in pairwise(started):
        assert following - start >= cooldown * 3600
    assert all(first != second for first, second in pairwise(notices))


def test_recalled_memory_equals_the_lost_one() -> None:
    memory, first = decide(RetrainingMemory(), seen(), POLICY, NOW)
    assert recalled([(NOW, first.key)]) == memory
    later = NOW + 61 + RETRY_SECONDS
    memory, again = decide(memory, seen(crashed_at=NOW + 60), POLICY, later)
    by_hand = (later + 5, again.key)
    assert recalled([by_hand, (later, again.key), (NOW, first.key)]) == memory
    assert recalled([(NOW, "somebody wrote this"), (NOW, "")]) == RetrainingMemory()
    assert recalled([(NOW - DAY_SECONDS, "1.0.0-rc-1-1690000000"), (NOW, first.key)]).retrained_at == (
        NOW - DAY_SECONDS,
        NOW,
    )


@pytest.mark.parametrize("drifted", [True, False])
def test_recalled_memory_starts_no_second_retraining(drifted: bool) -> None:
    """The version that was to be replaced, and the one that replaced it, within the cool-down."""
    _, first = decide(RetrainingMemory(), seen(), POLICY, NOW)
    memory = recalled([(NOW, first.key)])
    assert decide(memory, seen(), POLICY, NOW + 60)[1].action == "ask people"
    memory, _ = decide(memory, seen("1.1.0", drifted=drifted), POLICY, NOW + 60)
    assert decide(memory, seen("1.1.0"), POLICY, NOW + 3600)[1].action == "wait"


@pytest.mark.parametrize("damaged", [{"since": "x"}, {"since": [1]}, {"retrained_at": 3}, {"more": 1}, []])
def test_memory_from_other_data_raises(damaged: object) -> None:
    with pytest.raises((ValueError, TypeError, AttributeError)):
        RetrainingMemory.from_dict(damaged)  # type: ignore[arg-type]
