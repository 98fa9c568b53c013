"""Killed at any port call, once or twice: the end is the same."""

import re
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from intermodal.platform.targets import select
from tests.failover_world import COLD, World, build_world
from tests.targets import AWS, AWS_EU, AZURE, EKS, GCP

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
    world = build_world(**fields)
    plan = [*kills, (0, False), (0, False)]
    world.kill_cloud(*names)
    world.killer.arm(*plan[0])
    world.run_until_stable(forget=forget)
    died = world.killer.died_at
    world.revive(*names)
    world.killer.arm(*plan[1])
    world.run_until_stable(forget=forget)
    world.killer.died_at = world.killer.died_at or died
    return world


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
            world = scenario(case, kills)
            assert world.end() == end, (k, after, world.killer.died_at)
            assert world.changes <= unharmed.changes, (k, after, world.killer.died_at)
            assert len(world.notices) == len(unharmed.notices), (k, after, world.killer.died_at)
        if not world.killer.died_at:
            break  # that phase has no such call


@cache
def unharmed_end(case: str) -> tuple[dict[str, Any], int]:
    world = scenario(case, [])
    return world.end(), world.changes


@cache
def changes_one_by_one(case: str) -> int:
    """The changes where the targets fail, and return, one after the other: so a watcher without its cursor, or after a
    killed run, may see the targets of a site."""
    fields, names = CASES[case]
    world = build_world(**fields)
    targets = [target for name in names for target in select(name, world.targets)]
    for act in (world.kill_cloud, world.revive):
        for target in targets:
            act(str(target))
            world.run_until_stable()
    return world.changes


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    case=st.sampled_from(sorted(CASES)),
    kills=st.lists(st.tuples(st.integers(1, 90), st.booleans()), min_size=2, max_size=2),
    again=st.tuples(st.integers(1, 90), st.booleans()),
    forget=st.integers(-1, 8),
)
@example(case="two warm", kills=[(1, False), (1, False)], again=(1, False), forget=0)
@example(case="a site", kills=[(1, False), (1, False)], again=(17, False), forget=0)
def test_failover_killed_twice_and_without_its_cursor_ends_the_same(
    case: str, kills: list[tuple[int, bool]], again: tuple[int, bool], forget: int
) -> None:
    end, changes = unharmed_end(case)
    fields, names = CASES[case]
    world = build_world(**fields)
    for act, kill in ((world.kill_cloud, kills[0]), (world.revive, kills[1])):
        act(*names)
        world.killer.arm(*kill)
        for number in range(12):
            world.tick(forget=number == forget)
            if world.killer.died_at:
                world.killer.arm(*again)
                break
        world.run_until_stable(forget=forget)
        world.killer.arm(0, False)
    assert by_target(world.end()) == by_target(end)
    assert world.changes <= max(changes, changes_one_by_one(case))


def by_target(end: dict[str, Any]) -> dict[str, Any]:
    """The end, in any order of incidents, with its notices as pairs of event and target. A watcher that loses its
    cursor, or a run that is killed, may see targets of one site fail one after the other; then they have a notice
    each, or one names both."""
    known = [str(target) for target in (AWS, AWS_EU, EKS, GCP, AZURE)]
    events = set[tuple[str, str]]()
    for title in end["notices"]:
        named = [target for target in known if re.search(rf"{re.escape(target)}(?![@\w])", title)]
        event = title
        for target in named:
            event = re.sub(rf"(, )?{re.escape(target)}(?![@\w])", "", event)
        events |= {(event.strip(), target) for target in named}
    return {**end, "incidents": sorted(end["incidents"]), "notices": events}
