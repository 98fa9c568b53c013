"""One deployment for each champion and each spec, whatever happens meanwhile."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intermodal.platform.deployment.redeployment import (
    DeploymentFailure,
    DeploymentState,
    PendingDeployment,
    RedeploymentDecision,
    decide,
    digest,
)

NOTHING = (None, RedeploymentDecision("nothing"))
ASKED = PendingDeployment("2", "a", 0, requested=0)
FAILED = DeploymentFailure("run-7", 1)


def test_it_waits_for_what_deploys_and_no_longer() -> None:
    known, said = decide(None, DeploymentState("2", "a", busy=True), 0)
    assert said.action == "wait"
    known, said = decide(known, DeploymentState("2", "a"), 30)
    assert said.action == "deploy"
    assert known is not None
    assert known.key("m") == "m-2-a-30"
    assert decide(known, DeploymentState("2", "a", served=True), 60) == NOTHING


def test_a_failed_deployment_is_told_and_not_repeated() -> None:
    known, said = decide(ASKED, DeploymentState("2", "a", failed=FAILED), 10)
    assert said == RedeploymentDecision("ask people", "its deployment failed (run run-7)")
    for now in (20, 10_000):
        known, said = decide(known, DeploymentState("2", "a", failed=FAILED), now)
        assert said.action == "wait"
        assert "notified" in said.reason


def test_what_failed_before_anybody_asked_here_is_tried_once() -> None:
    assert decide(None, DeploymentState("2", "a", failed=FAILED), 10)[1].action == "deploy"
    assert decide(PendingDeployment("2", "a", 0), DeploymentState("2", "a", failed=FAILED), 10)[1].action == "deploy"


def test_a_deployment_that_ended_elsewhere_is_told() -> None:
    for earlier in (None, DeploymentFailure("run-1", -5)):
        _, said = decide(ASKED, DeploymentState("2", "a", failed=earlier), 30)
        assert said.action == "ask people"
        assert "were the definitions reloaded?" in said.reason


def test_a_deployment_that_a_dying_cloud_failed_is_tried_again_once_that_is_dealt_with() -> None:
    notified, _ = decide(ASKED, DeploymentState("2", "a", failed=FAILED, moved=-1), 10)
    assert notified is not None
    assert notified.notified
    again, said = decide(notified, DeploymentState("2", "a", failed=FAILED, moved=15), 20)
    assert said.action == "deploy"
    assert again is not None
    assert again.key("m") != notified.key("m")
    assert (
        decide(again, DeploymentState("2", "a", failed=DeploymentFailure("run-8", 25), moved=15), 30)[1].action
        == "ask people"
    )


def test_a_deployment_that_fails_after_its_route_was_published_is_told_once() -> None:
    for known in (ASKED, PendingDeployment("2", "a", 0)):  # also one that a retraining began
        assert decide(known, DeploymentState("2", "a", served=True, busy=True), 10)[0] == known
        notified, said = decide(known, DeploymentState("2", "a", served=True, failed=FAILED), 10)
        assert said == RedeploymentDecision(
            "ask people", "its deployment failed after the route was published (run run-7)"
        )
        assert decide(notified, DeploymentState("2", "a", served=True, failed=FAILED), 20) == NOTHING


@pytest.mark.parametrize(
    "known",
    [
        None,
        PendingDeployment("3", "a", 0, requested=0),
        PendingDeployment("2", "b", 0, requested=0),
        PendingDeployment("2", "a", 5, requested=5),
    ],
)
def test_a_failure_that_was_of_something_else_is_nobodys_business(known: PendingDeployment | None) -> None:
    """As when a person put the served version back, and stopped the run."""
    assert decide(known, DeploymentState("2", "a", served=True, failed=FAILED), 10) == NOTHING


def test_another_spec_is_another_event() -> None:
    notified = PendingDeployment("2", "a", 0, requested=0, notified=True)
    assert decide(notified, DeploymentState("2", "b", failed=FAILED), 10)[1].action == "deploy"


def test_a_digest_names_what_is_stated_and_not_its_order() -> None:
    assert digest({"x": "1", "y": "2"}) == digest({"y": "2", "x": "1"}) != digest({"x": "1", "y": "3"})


STATES = st.builds(
    DeploymentState, st.sampled_from(["1", "2", "3"]), st.sampled_from(["a", "b"]), st.booleans(), st.booleans()
)


@given(st.lists(st.tuples(STATES, st.booleans(), st.booleans(), st.floats(1, 100)), max_size=60))
def test_one_deployment_and_one_question_for_each_event(steps: list[tuple[DeploymentState, bool, bool, float]]) -> None:
    """An event is a champion, a spec, or traffic that was moved meanwhile."""
    known, now, acted, event, moved = None, 1000.0, set[tuple[str, int]](), 0, None
    for step, fails, moves, passed in steps:
        now += passed
        moved, event = (now, event + 1) if moves else (moved, event)
        seen = replace(step, failed=DeploymentFailure("run", now) if fails else None, moved=moved)
        before = known
        known, said = decide(PendingDeployment.from_dict(known.to_dict()) if known else None, seen, now)
        if known is not None:
            event += before is None or (before.version, before.spec) != (known.version, known.spec)
            assert (known.version, known.spec) == (seen.version, seen.spec)
        if said.action in ("deploy", "ask people"):
            assert not seen.busy
            assert seen.served is (said.action == "ask people" and "route was published" in said.reason)
            assert (said.action, event) not in acted
            acted.add((said.action, event))
