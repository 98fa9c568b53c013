"""Bills: where charges come from."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

from intermodal.platform.ports.findings import Finding


@dataclass(frozen=True, order=True)
class Bill:
    """What is replaced as a whole. The bills of one source do not overlap: each of its charges is in one of them."""

    source: str
    account: str
    """Whose: issuer and billing account, or a cluster."""
    start: datetime
    """In UTC."""
    end: datetime
    """Exclusive."""


@dataclass(frozen=True)
class Snapshot:
    """All charges of one bill, as its source had them at one time. A later snapshot of the same bill replaces it."""

    bill: Bill
    as_of: datetime
    """When the source wrote it, in UTC."""
    table: Any
    """A ``pyarrow.Table`` with the columns of ``cost.focus.columns.SCHEMA``, then custom ones. It may have no rows."""


@dataclass(frozen=True)
class Read:
    """What a source has. What it lacks is found, and is no zero."""

    snapshots: tuple[Snapshot, ...]
    findings: tuple[Finding, ...] = ()


class Bills(Protocol):
    """One source of charges."""

    @property
    def source(self) -> str:
        """Its name, which no other source has."""

    def read(self, since: date, until: date) -> Iterator[Read]:
        """The newest snapshot of each bill that has a part in [since, until), whole.

        Reading again gives the same bills. Unavailable or Refused when the source does not answer: then nothing is
        known, and nothing is replaced.
        """
