"""What changes while the server runs: its models, and whether it is stopping."""

from dataclasses import dataclass, field
from pathlib import Path

from intermodal.platform.protocol.package import Package
from intermodal.platform.protocol.v2 import GOLDEN_ID
from intermodal.serving.answered import Answered
from intermodal.serving.dataplane import DataPlane
from intermodal.serving.metrics import Counts, Metrics
from intermodal.serving.prediction_log.log import PredictionLog
from intermodal.serving.settings import Settings


@dataclass
class Model:
    """One model of the process. ``plane`` is None until it is loaded from ``folder``."""

    package: Package
    folder: Path
    counts: Counts = field(init=False)
    plane: DataPlane | None = None

    def __post_init__(self) -> None:
        self.counts = Counts(self.package.model)


class Service:
    """``log`` is None when there is none; ``stopping_at`` is ``time.monotonic`` of the signal to stop."""

    def __init__(self, models: list[Model], settings: Settings) -> None:
        self.models, self.settings = models, settings
        self.log: PredictionLog | None = None
        self.draining = False
        self.stopping_at = 0.0
        several = len(models) > 1
        self.counts = Counts("") if several else models[0].counts
        """Of requests that are for no model in particular."""
        counts = [model.counts for model in models]
        self.metrics = Metrics(settings.identity, [self.counts, *counts] if several else counts, self._is_ready)

    @property
    def ready(self) -> bool:
        """Whether every model is loaded, and more requests are taken."""
        return all(map(self.is_ready, self.models))

    def is_ready(self, model: Model) -> bool:
        return model.plane is not None and not self.draining

    def _is_ready(self, name: str) -> bool:
        return all(self.is_ready(model) for model in self.models if name in ("", model.package.model))

    def predicted(self, model: Model, answered: Answered, id_: str) -> None:
        """Count it, and log it, unless it is nobody's. ``id_`` is the request's own, or ''."""
        model.counts.predicted(answered.rows, answered.unseen)
        if self.log and answered.id != GOLDEN_ID:
            self.log.add(model.package.model, id_, answered)
