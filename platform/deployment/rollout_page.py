"""A rollout for people: its steps and its evidence as Markdown."""

from datetime import UTC, datetime

from intermodal.platform.deployment.rollout import RolloutDecision
from intermodal.platform.ports.rollouts import Rollout

SIGNS = {"pass": "✓", "fail": "✗", "inconclusive": "?"}


def history(rollout: Rollout) -> str:
    """A table of what happened, the latest last."""
    rows = [
        f"| {datetime.fromtimestamp(entry.time, UTC):%Y-%m-%d %H:%M:%S} | {_cell(entry.text)} | {_cell(entry.person)} |"
        for entry in rollout.entries
    ]
    return "\n".join(["| UTC | what | by |", "|---|---|---|", *rows])


def evidence(decision: RolloutDecision) -> str:
    """A table of the comparisons behind a decision."""
    rows = [
        f"| {each.name} | {SIGNS[each.outcome]} {each.outcome} | {_cell(each.text)} |" for each in decision.findings
    ]
    return "\n".join(["| comparison | outcome | figures |", "|---|---|---|", *rows])


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
