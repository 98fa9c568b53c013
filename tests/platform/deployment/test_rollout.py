"""Rollouts from their first step to their end, on simulated traffic."""

from dataclasses import replace

import numpy as np
import pytest

from intermodal.platform.deployment.rollout import apply, begin, by_version, decide
from intermodal.platform.ports.gateway import Tries
from intermodal.platform.ports.registry import Identity
from intermodal.platform.ports.rollouts import Rollout
from intermodal.platform.spec.rollout import RolloutPolicy
from tests.targets import AWS, GCP

OLD, NEW = Identity("1.0.0", "a" * 64), Identity("1.1.0", "b" * 64)
POLICY = RolloutPolicy(steps=[5, 25, 100], pause="60s", min_requests=500)
READ_SECONDS, RATE = 15, 200
BOUNDS_MS = (10, 20, 50, 75, 100, 150, 200, 300, 500, 1000)


class Traffic:
    """Callers at RATE requests a second, and what each version does with its share."""

    def __init__(self, errors: dict[str, float], slower_ms: float = 0.0, rate: int = RATE) -> None:
        self.errors, self.slower_ms, self.rate = errors, slower_ms, rate
        self.dice = np.random.default_rng(3)
        self.tries = {OLD.version: Tries(), NEW.version: Tries()}

    def pass_by(self, seconds: float, share: int) -> None:
        requests = int(self.rate * seconds)
        canary = int(self.dice.binomial(requests, share / 100))
        for version, count in ((OLD.version, requests - canary), (NEW.version, canary)):
            failed = int(self.dice.binomial(count, self.errors.get(version, 0.0)))
            taken = self.dice.gamma(4, 4, count - failed) + (self.slower_ms if version == NEW.version else 0)
            within = {upper * 1000.0: int((taken <= upper).sum()) for upper in BOUNDS_MS} | {float("inf"): taken.size}
            self.tries[version] += Tries({"200": count - failed, "503": failed}, within)


def run(traffic: Traffic, reads: int = 200, rollout: Rollout | None = None) -> tuple[Rollout, float]:
    """The rollout after so many readings at most, and how many seconds it took."""
    now = 1000.0
    found = rollout or begin("m", OLD, NEW, POLICY, traffic.tries, now)
    for _ in range(reads):
        traffic.pass_by(READ_SECONDS, found.share)
        now += READ_SECONDS
        found = apply(found, decide(found, POLICY, traffic.tries, (), now), traffic.tries, now)
        if not found.is_open:
            break
    return found, now - 1000


def test_rollout_of_a_good_version_is_promoted_by_its_steps() -> None:
    found, seconds = run(Traffic({}))
    assert found.phase == "promoted"
    assert seconds >= 2 * POLICY.pause_seconds
    assert [entry.text.split(" % ")[0] for entry in found.entries[:2]] == ["5", "25"]
    assert found.share == 100


def test_rollout_of_five_percent_errors_is_aborted_at_its_first_step() -> None:
    traffic = Traffic({NEW.version: 0.05})
    found, _ = run(traffic)
    assert (found.phase, found.step, found.share) == ("aborted", 0, 0)
    assert "errors" in found.entries[-1].text
    bad = traffic.tries[NEW.version].requests
    assert bad < 0.06 * (bad + traffic.tries[OLD.version].requests)


def test_rollout_of_a_slow_version_is_aborted() -> None:
    found, _ = run(Traffic({}, slower_ms=100))
    assert (found.phase, found.step) == ("aborted", 0)
    assert "take over" in found.entries[-1].text


def test_rollout_from_a_bad_old_version_is_promoted() -> None:
    assert run(Traffic({OLD.version: 0.05}))[0].phase == "promoted"


@pytest.mark.parametrize("rate", [0, 1 / READ_SECONDS])
def test_rollout_without_traffic_holds(rate: float) -> None:
    traffic = Traffic({})
    traffic.rate = rate  # type: ignore[assignment]
    found, _ = run(traffic, reads=100)
    assert (found.phase, found.step) == ("progressing", 0)
    assert "of 500 requests" in decide(found, POLICY, traffic.tries, (), 1e6).reason


def test_rollout_holds_while_an_incident_is_open() -> None:
    traffic = Traffic({NEW.version: 0.2})
    found = begin("m", OLD, NEW, POLICY, traffic.tries, 0.0)
    traffic.pass_by(600, 5)
    decision = decide(found, POLICY, traffic.tries, {AWS}, 600.0)
    assert decision.action == "hold"
    assert "aws/sagemaker" in decision.reason
    assert decide(found, POLICY, traffic.tries, (), 600.0).action == "abort"


def test_rollout_evidence_begins_again_after_an_incident() -> None:
    traffic = Traffic({NEW.version: 0.2})
    found = begin("m", OLD, NEW, POLICY, traffic.tries, 1000.0)
    traffic.pass_by(600, 5)
    decision = decide(found, POLICY, traffic.tries, (), 1600.0, recovered=1500.0)
    assert decision.action == "restart"
    found = apply(found, decision, traffic.tries, 1600.0)
    assert (found.step, found.since, found.phase) == (0, 1600.0, "progressing")
    traffic.errors = {}
    traffic.pass_by(600, 5)
    assert decide(found, POLICY, traffic.tries, (), 2200.0, recovered=1500.0).action == "advance"


def test_rollout_that_is_paused_holds_and_still_aborts() -> None:
    traffic = Traffic({})
    found = replace(begin("m", OLD, NEW, POLICY, traffic.tries, 0.0), phase="paused")
    traffic.pass_by(600, 5)
    assert decide(found, POLICY, traffic.tries, (), 600.0).reason == "it is paused"
    traffic.errors = {NEW.version: 0.5}
    traffic.pass_by(600, 5)
    assert decide(found, POLICY, traffic.tries, (), 1200.0).action == "abort"


@pytest.mark.parametrize(("requested", "phase"), [("promote", "promoted"), ("abort", "aborted")])
def test_rollout_does_what_a_person_requests(requested: str, phase: str) -> None:
    found = replace(begin("m", OLD, NEW, POLICY, {}, 0.0), requested=requested)
    ended = apply(found, decide(found, POLICY, {}, {AWS}, 1.0), {}, 1.0)
    assert (ended.phase, ended.requested) == (phase, "")
    assert "requested by" in ended.entries[-1].text


def test_rollout_counts_only_what_came_in_its_step() -> None:
    traffic = Traffic({OLD.version: 0.5, NEW.version: 0.5})
    traffic.pass_by(600, 50)
    traffic.errors = {}
    assert run(traffic)[0].phase == "promoted"


def test_rollout_goes_on_after_the_gateway_was_started_anew() -> None:
    traffic = Traffic({})
    traffic.pass_by(600, 50)
    found = begin("m", OLD, NEW, POLICY, traffic.tries, 1000.0)
    traffic.tries = {OLD.version: Tries(), NEW.version: Tries()}
    assert run(traffic, rollout=found)[0].phase == "promoted"


def test_by_version_adds_the_targets() -> None:
    counted = Tries({"200": 2}, {5.0: 1, 9.0: 2})
    found = by_version({(AWS, "1.0.0"): counted, (GCP, "1.0.0"): counted, (GCP, "1.1.0"): counted})
    assert found == {"1.0.0": Tries({"200": 4}, {5.0: 2, 9.0: 4}), "1.1.0": counted}


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"steps": []}, "rising"),
        ({"steps": [5, 25]}, "the last of them 100"),
        ({"steps": [25, 5, 100]}, "rising"),
        ({"steps": [0, 100]}, "from 1 on"),
        ({"steps": [100]}, "two or more"),
        ({"pause": "ten minutes"}, "10m"),
        ({"min_requests": 0}, "at least 1"),
        ({"max_error_rate_increase": 0}, "more than 0"),
        ({"max_p95_increase": -1}, "more than 0"),
    ],
)
def test_policy_that_proves_nothing_is_refused(fields: dict[str, object], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        RolloutPolicy.model_validate(fields)


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30), ("10m", 600), ("2h", 7200)])
def test_policy_pause_is_in_seconds(text: str, seconds: int) -> None:
    assert RolloutPolicy(pause=text).pause_seconds == seconds
