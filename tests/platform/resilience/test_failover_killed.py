"""Killed at any call, once or twice: the end is the same."""

from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.failover_world import COLD, World
from tests.failover_world import world as build


def scenario(fields: dict[str, Any], second: bool, kills: list[tuple[int, bool]], forget: int = -1) -> World:
    """An outage (of two clouds when ``second``) and its end; the n-th phase is killed as the n-th of ``kills`` says."""
    at = build(**fields)
    clouds: tuple[Any, ...] = ("aws", "azure") if second else ("aws",)
    plan = [*kills, (0, False), (0, False)]
    at.kill_cloud(*clouds)
    at.killer.arm(*plan[0])
    at.settle(forget=forget)
    died = at.killer.died_at
    at.revive(*clouds)
    at.killer.arm(*plan[1])
    at.settle(forget=forget)
    at.killer.died_at = at.killer.died_at or died
    return at


CASES: list[tuple[dict[str, Any], bool]] = [({}, False), (COLD, False), ({}, True), (COLD, True)]


@pytest.mark.parametrize(("fields", "second"), CASES, ids=["warm", "cold", "two warm", "two with a cold one"])
@pytest.mark.parametrize("phase", [0, 1], ids=["failover", "recovery"])
def test_killed_at_any_call_the_end_is_the_same(fields: dict[str, Any], second: bool, phase: int) -> None:
    untouched = scenario(fields, second, [])
    wanted_end, calls = untouched.end(), len(untouched.killer.log)
    assert not untouched.incidents.all(open_only=True)
    for k in range(1, calls + 1):
        for after in (False, True):
            kills = [(0, False), (0, False)]
            kills[phase] = (k, after)
            at = scenario(fields, second, kills)
            assert at.end() == wanted_end, (k, after, at.killer.died_at)
            assert at.changes <= untouched.changes, (k, after, at.killer.died_at)
            repeated = len(at.told) - len(untouched.told)
            between = at.killer.died_at in ("after notifier.tell", "before incidents.note")
            assert repeated in ((0, 1) if between else (0,)), (k, after, at.killer.died_at)
        if not at.killer.died_at:
            break  # that phase has no such call


@cache
def untouched(cold: bool, second: bool) -> tuple[dict[str, Any], int]:
    at = scenario(COLD if cold else {}, second, [])
    return at.end(), at.changes


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    case=st.sampled_from(CASES),
    kills=st.lists(st.tuples(st.integers(1, 90), st.booleans()), min_size=2, max_size=2),
    again=st.tuples(st.integers(1, 90), st.booleans()),
    forget=st.integers(-1, 8),
)
def test_killed_twice_and_forgetful_the_end_is_the_same(
    case: tuple[dict[str, Any], bool], kills: list[tuple[int, bool]], again: tuple[int, bool], forget: int
) -> None:
    fields, second = case
    wanted_end, changes = untouched(bool(fields), second)
    at = build(**fields)
    clouds: tuple[Any, ...] = ("aws", "azure") if second else ("aws",)
    for act, kill in ((at.kill_cloud, kills[0]), (at.revive, kills[1])):
        act(*clouds)
        at.killer.arm(*kill)
        for number in range(12):
            at.tick(forget=number == forget)
            if at.killer.died_at:
                at.killer.arm(*again)
                break
        at.settle(forget=forget)
        at.killer.arm(0, False)
    assert at.end() == wanted_end
    assert at.changes <= changes
