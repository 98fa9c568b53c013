"""What a bill lacks, as values: each finding is counted and reported, and no row is dropped for it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum


class Lack(Enum):
    COLUMN = "a mandatory column is missing"
    UNKNOWN_COLUMN = "the column is not of FOCUS and does not begin with x_; it is not kept"
    COST = "the cost is missing"
    CURRENCY = "the currency is not one of ISO 4217"
    PERIOD = "the charge period is missing or is in year 1; the billing period is used"
    ROUNDED = "more than 18 decimals; rounded"
    TAGS = "the charge has no tags"
    MODEL = "no tag says which model it is for"
    TEAM = "no tag says which team it is for"
    REPEATED_FILE = "the file has the same bytes as another of its delivery; read once"
    TRUNCATED = "the file is truncated or is no bill; its delivery is not used"
    INCOMPLETE_DAY = "the day is not over in UTC; not read"
    NEGATIVE_USAGE = "the usage has a negative cost and is no correction"


@dataclass(frozen=True)
class Finding:
    lack: Lack
    where: str
    """A file, or a source."""
    column: str = ""
    rows: int = 0
    """How many rows; 0 for a finding about a whole file."""
    example: str = ""

    def __str__(self) -> str:
        column = f" {self.column}" if self.column else ""
        rows = f" ({self.rows} rows)" if self.rows else ""
        example = f", for instance {self.example!r}" if self.example else ""
        return f"{self.where}:{column}: {self.lack.value}{rows}{example}"


def merged(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """One finding for each kind, source and column, with the sum of rows."""
    found: dict[tuple[Lack, str, str], Finding] = {}
    for finding in findings:
        key = finding.lack, finding.where, finding.column
        known = found.get(key)
        found[key] = replace(known, rows=known.rows + finding.rows) if known else finding
    return tuple(found.values())
