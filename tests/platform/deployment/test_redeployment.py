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
REQUESTED = PendingDeployment("2", "a", 0, requested=0)
FAILED = DeploymentFailure("run-7", 1)


def test_decide_waits_for_a_run_and_then_deploys() -> None:
    known, decision = decide(None, DeploymentState("2", "a", busy=True), 0)
    assert decision.action == "wait"
    known, decision = decide(known, DeploymentState("2", "a"), 30)
    assert decision.action == "deploy"
    assert known is not None
    assert known.key("m") == "m-2-a-30"
    assert decide(known, DeploymentState("2", "a", served=True), 60) == NOTHING


def test_decide_after_a_failure_notifies_once_and_waits() -> None:
    known, decision = decide(REQUESTED, DeploymentState("2", "a", failed=FAILED), 10)
    assert decision == RedeploymentDecision("ask people", "its deployment failed (run run-7)")
    for now in (20, 10_000):
        known, decision = decide(known, DeploymentState("2", "a", failed=FAILED), now)
        assert decision.action == "wait"
        assert "notified" in decision.reason


def test_decide_after_a_failure_before_the_request_deploys() -> None:
    assert decide(None, DeploymentState("2", "a", failed=FAILED), 10)[1].action == "deploy"
    assert decide(PendingDeployment("2", "a", 0), DeploymentState("2", "a", failed=FAILED), 10)[1].action == "deploy"


def test_decide_after_a_deployment_of_something_else_notifies() -> None:
    for earlier in (None, DeploymentFailure("run-1", -5)):
        _, decision = decide(REQUESTED, DeploymentState("2", "a", failed=earlier), 30)
        assert decision.action == "ask people"
        assert "reload the definitions" in decision.reason


def test_decide_after_a_failover_deploys_again() -> None:
    notified, _ = decide(REQUESTED, DeploymentState("2", "a", failed=FAILED, moved=-1), 10)
    assert notified is not None
    assert notified.notified
    again, decision = decide(notified, DeploymentState("2", "a", failed=FAILED, moved=15), 20)
    assert decision.action == "deploy"
    assert again is not None
    assert again.key("m") != notified.key("m")
    assert (
        decide(again, DeploymentState("2", "a", failed=DeploymentFailure("run-8", 25), moved=15), 30)[1].action
        == "ask people"
    )


def test_decide_after_a_failure_behind_the_route_notifies_once() -> None:
    for known in (REQUESTED, PendingDeployment("2", "a", 0)):  # also one that a retraining began
        assert decide(known, DeploymentState("2", "a", served=True, busy=True), 10)[0] == known
        notified, decision = decide(known, DeploymentState("2", "a", served=True, failed=FAILED), 10)
        assert decision == RedeploymentDecision(
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
def test_decide_ignores_a_failure_of_something_else(known: PendingDeployment | None) -> None:
    """As when a person put the served version back, and stopped the run."""
    assert decide(known, DeploymentState("2", "a", served=True, failed=FAILED), 10) == NOTHING


def test_decide_for_another_spec_deploys() -> None:
    notified = PendingDeployment("2", "a", 0, requested=0, notified=True)
    assert decide(notified, DeploymentState("2", "b", failed=FAILED), 10)[1].action == "deploy"


def test_digest_is_independent_of_order() -> None:
    assert digest({"x": "1", "y": "2"}) == digest({"y": "2", "x": "1"}) != digest({"x": "1", "y": "3"})


STATES = st.builds(
    DeploymentState, st.sampled_from(["1", "2", "3"]), st.sampled_from(["a", "b"]), st.booleans(), st.booleans()
)


@given(st.lists(st.tuples(STATES, st.booleans(), st.booleans(), st.floats(1, 100)), max_size=60))
def test_decide_acts_once_for_each_event(
    steps: list[tuple[DeploymentState, bool, bool, float]],
) -> None:
    """An event is a champion, a spec, or traffic that was moved meanwhile."""
    known, now, acted, event, moved = None, 1000.0, set[tuple[str, int]](), 0, None
    for step, fails, moves, passed in steps:
        now += passed
        moved, event = (now, event + 1) if moves else (moved, event)
        seen = replace(step, failed=DeploymentFailure("run", now) if fails else None, moved=moved)
        before = known
        known, decision = decide(PendingDeployment.from_dict(known.to_dict()) if known else None, seen, now)
        if known is not None:
            event += before is None or (before.version, before.spec) != (known.version, known.spec)
            assert (known.version, known.spec) == (seen.version, seen.spec)
        if decision.action in ("deploy", "ask people"):
            assert not seen.busy
            assert seen.served is (decision.action == "ask people" and "route was published" in decision.reason)
            assert (decision.action, event) not in acted
            acted.add((decision.action, event))
