"""Rows of what was done and what came of it, as a table."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table

from intermodal.sandbox.replay import Sent


@dataclass(frozen=True)
class Row:
    """``wrong`` is everything that did not come out as it should; ``failed``: callers' requests that got no 200."""

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


def table(rows: Sequence[Row]) -> Table:
    found = Table("what", "done", "settled s", "requests", "failed", "end", title="chaos")
    for row in rows:
        colour = "red" if row.wrong else ""
        failed = "; ".join(f"{count} x {why}" for why, count in Counter(map(_why, row.failed)).items())
        found.add_row(
            row.what, row.done, f"{row.seconds:.0f}", str(row.requests), failed or "0", row.verdict, style=colour
        )
    return found


def _why(sent: Sent) -> str:
    return f"{sent.status} {sent.cloud[:60]}"
