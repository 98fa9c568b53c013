"""Steps and their outcomes, as a table."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table

from intermodal.sandbox.local.replay import Sent
from tests.bench.report import Section


@dataclass(frozen=True)
class Row:
    """``wrong`` is each difference from the expected end state, ``failed`` the callers' requests that got no 200."""

    what: str
    done: str
    seconds: float
    requests: int
    failed: Sequence[Sent]
    wrong: Sequence[str]
    remark: str = ""

    @property
    def verdict(self) -> str:
        return "; ".join([*self.wrong, *([self.remark] if self.remark else [])]) or "as it should"


HEADER = ("what", "done", "seconds", "requests", "failed", "end")


def table(rows: Sequence[Row]) -> Table:
    found = Table(*HEADER, title="chaos")
    for row in rows:
        found.add_row(*_cells(row), style="red" if row.wrong else "")
    return found


def section(rows: Sequence[Row], command: str) -> Section:
    """For docs/benchmarks.md."""
    text = (
        f"`{command}` on an installation of its own, under callers' requests: parts of the platform and of what it "
        "needs are killed or fail at random points, the daemon and the failover's own run among them. *seconds*: until "
        "all was as it should be: one incident for each event and none lost, people notified, no traffic to the dead, "
        "replicas made up for, after the recovery the same endpoints, replicas, resources and processes as before. "
        f"{len(rows)} steps, {sum(bool(row.wrong) for row in rows)} did not end as they should; failed requests: "
        f"{sum(len(row.failed) for row in rows)} of {sum(row.requests for row in rows)}."
    )
    return Section("Parts killed at random", text, HEADER, [_cells(row) for row in rows])


def _cells(row: Row) -> list[str]:
    failed = "; ".join(f"{count} x {why}" for why, count in Counter(map(_why, row.failed)).items())
    return [row.what, row.done, f"{row.seconds:.0f}", str(row.requests), failed or "0", row.verdict]


def _why(sent: Sent) -> str:
    return f"{sent.status} {sent.target[:60]}"
