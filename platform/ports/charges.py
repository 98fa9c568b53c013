"""Charges: where they are stored."""

from typing import Protocol

from intermodal.platform.ports.bills import Snapshot


class ChargeStore(Protocol):
    """The valid snapshot of each bill, whatever the order in which snapshots arrive."""

    def replace(self, snapshot: Snapshot) -> bool:
        """Make it the bill's valid snapshot, whole or not at all. False when the store has a newer one. Repeatable."""
