"""Tables: where the rows of datasets and features are kept."""

from collections.abc import Sequence
from typing import Any, Protocol


class Tables(Protocol):
    """Where the rows of datasets and features are kept, a table for each model, stage and partition. A
    partition is any text, and never another's file."""

    def write(self, model: str, stage: str, partition: str, table: Any) -> None:
        """Replace one partition (a pandas DataFrame), whole or not at all."""

    def read(self, model: str, stage: str, partition: str) -> Any:
        """A pandas DataFrame; NotFound when the partition was never written."""

    def delete(self, model: str, stage: str, partition: str) -> None:
        """Idempotent."""

    def partitions(self, model: str, stage: str) -> Sequence[str]:
        """What there is, in order."""
