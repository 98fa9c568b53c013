"""Rollouts in memory."""

import threading
from collections.abc import Sequence

from intermodal.platform.ports.rollouts import Rollout


class MemoryRollouts:
    def __init__(self) -> None:
        self.kept: dict[str, Rollout] = {}
        self._lock = threading.Lock()

    def get(self, model: str) -> Rollout | None:
        return self.kept.get(model)

    def put(self, rollout: Rollout, known: Rollout | None) -> bool:
        with self._lock:
            if self.kept.get(rollout.model) != known:
                return False
            self.kept[rollout.model] = rollout
            return True

    def models(self) -> Sequence[str]:
        return sorted(self.kept)
