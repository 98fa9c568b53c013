"""Whether a drill met the spec's objectives, one broken at a time, and what the gateway counted meanwhile."""

from dataclasses import replace
from typing import Any

import pytest

from intermodal.platform.ports.gateway import Totals
from intermodal.platform.resilience.drills import DrillKind, DrillResult, judge
from intermodal.platform.spec import Objectives

OBJECTIVES = Objectives(drained_seconds=1.5, capacity_seconds=30)
OUTAGE = DrillResult(
    kind="outage",
    scope="aws",
    model="m",
    started_at=1_700_000_000.0,
    requests=3000,
    failed=0,
    retried=12,
    detected_seconds=2.0,
    drained_seconds=1.5,
    capacity_seconds=30.0,
    restored_seconds=9.0,
)
"""At its limits, not over them."""
CORRUPT = replace(OUTAGE, kind="corrupt", requests=0, drained_seconds=None, capacity_seconds=None)
BORNE: dict[str, Any] = {
    "detected_seconds": None,
    "drained_seconds": None,
    "capacity_seconds": None,
    "restored_seconds": 0.0,
}


def test_judge_passes_an_outage_within_its_limits() -> None:
    assert judge(OUTAGE, OBJECTIVES) == (
        True,
        (
            "0 of 3000 requests failed.",
            "Drained after 1.5 s; the limit is 1.5 s.",
            "At full capacity again after 30.0 s; the limit is 30 s.",
        ),
    )


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        ({"failed": 1}, "1 of 3000 requests failed."),
        ({"requests": 0}, "0 of 0 requests failed."),
        ({"drained_seconds": 1.6}, "Drained after 1.6 s; the limit is 1.5 s."),
        ({"drained_seconds": None}, "It was not drained during the drill."),
        ({"capacity_seconds": 30.1}, "At full capacity again after 30.1 s; the limit is 30 s."),
        ({"capacity_seconds": None}, "It was not at full capacity again during the drill."),
    ],
)
def test_judge_fails_an_outage_that_misses_an_objective(broken: dict[str, Any], sentence: str) -> None:
    passed, reasons = judge(replace(OUTAGE, **broken), OBJECTIVES)
    assert not passed
    assert sentence in reasons
    assert len(reasons) == 3


def test_judge_takes_zero_seconds_as_drained() -> None:
    passed, reasons = judge(replace(OUTAGE, drained_seconds=0.0), OBJECTIVES)
    assert passed
    assert "Drained after 0.0 s; the limit is 1.5 s." in reasons


@pytest.mark.parametrize("kind", ["brownout", "throttle"])
@pytest.mark.parametrize(("counts", "passed"), [({}, True), ({"failed": 1}, False), ({"requests": 0}, False)])
def test_judge_of_a_brownout_counts_requests_alone(kind: DrillKind, counts: dict[str, int], passed: bool) -> None:
    result = replace(OUTAGE, kind=kind, **{**BORNE, **counts})
    sentence = f"{result.failed} of {result.requests} requests failed."
    assert judge(result, OBJECTIVES) == (passed, (sentence,))


@pytest.mark.parametrize(
    ("broken", "passed", "sentence"),
    [
        ({}, True, "The damage was found and repaired."),
        ({"detected_seconds": None}, False, "The damage was not found and repaired."),
        ({"restored_seconds": None}, False, "The damage was not found and repaired."),
        ({"failed": 1}, False, "The damage was found and repaired."),
    ],
)
def test_judge_of_damage_needs_no_requests(broken: dict[str, Any], passed: bool, sentence: str) -> None:
    result = replace(CORRUPT, **broken)
    assert judge(result, OBJECTIVES) == (passed, (f"{result.failed} of 0 requests failed.", sentence))


def test_totals_since_a_restart_count_everything() -> None:
    assert Totals(110, 3, 25).since(Totals(100, 1, 20)) == Totals(10, 2, 5)
    assert Totals(10, 2, 5).since(Totals(100, 1, 20)) == Totals(10, 2, 5)
