"""Killed at any port call, once or twice: the end is the same."""

from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.failover_world import COLD, World
from tests.failover_world import world as build
from tests.targets import AWS, AWS_EU, EKS, GCP

WIDE = {"serve": [str(target) for target in (AWS, EKS, AWS_EU, GCP)]}
WIDE_COLD = {**WIDE, "failover": {"cold": [str(AWS_EU)]}}
CASES: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "warm": ({}, ("aws",)),
    "cold": (COLD, ("aws",)),
    "two warm": ({}, ("aws", "azure")),
    "two with a cold one": (COLD, ("aws", "azure")),
    "one of a site": (WIDE, (str(AWS),)),
    "a site": (WIDE, ("aws@default",)),
    "a site with a cold one": (WIDE_COLD, ("aws@default",)),
}
"""The spec's fields, and what fails: targets, sites or clouds."""


def scenario(case: str, kills: list[tuple[int, bool]], forget: int = -1) -> World:
    """An outage and its end; the n-th phase is killed as the n-th of ``kills`` says."""
    fields, names = CASES[case]
    at = build(**fields)
    plan = [*kills, (0, False), (0, False)]
    at.kill_cloud(*names)
    at.killer.arm(*plan[0])
    at.settle(forget=forget)
    died = at.killer.died_at
    at.revive(*names)
    at.killer.arm(*plan[1])
    at.settle(forget=forget)
    at.killer.died_at = at.killer.died_at or died
    return at


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("phase", [0, 1], ids=["failover", "recovery"])
def test_failover_killed_at_any_call_ends_the_same(case: str, phase: int) -> None:
    unharmed = scenario(case, [])
    end, calls = unharmed.end(), len(unharmed.killer.log)
    assert not unharmed.incidents.all(open_only=True)
    for k in range(1, calls + 1):
        for after in (False, True):
            kills = [(0, False), (0, False)]
            kills[phase] = (k, after)
            at = scenario(case, kills)
            assert at.end() == end, (k, after, at.killer.died_at)
            assert at.changes <= unharmed.changes, (k, after, at.killer.died_at)
            assert len(at.told) == len(unharmed.told), (k, after, at.killer.died_at)
        if not at.killer.died_at:
            break  # that phase has no such call


@cache
def unharmed_end(case: str) -> tuple[dict[str, Any], int]:
    at = scenario(case, [])
    return at.end(), at.changes


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    case=st.sampled_from(sorted(CASES)),
    kills=st.lists(st.tuples(st.integers(1, 90), st.booleans()), min_size=2, max_size=2),
    again=st.tuples(st.integers(1, 90), st.booleans()),
    forget=st.integers(-1, 8),
)
def test_failover_killed_twice_and_without_its_cursor_ends_the_same(
    case: str, kills: list[tuple[int, bool]], again: tuple[int, bool], forget: int
) -> None:
    end, changes = unharmed_end(case)
    fields, names = CASES[case]
    at = build(**fields)
    for act, kill in ((at.kill_cloud, kills[0]), (at.revive, kills[1])):
        act(*names)
        at.killer.arm(*kill)
        for number in range(12):
            at.tick(forget=number == forget)
            if at.killer.died_at:
                at.killer.arm(*again)
                break
        at.settle(forget=forget)
        at.killer.arm(0, False)
    assert at.end() == end
    assert at.changes <= changes
