"""The state of a running server: its models, its prediction log, and whether it is stopping."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from intermodal.platform.protocol.package import Package
from intermodal.platform.protocol.v2 import GOLDEN_ID
from intermodal.serving.dataplane import DataPlane
from intermodal.serving.metrics import Counts, Metrics
from intermodal.serving.prediction import Prediction
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
    """``log`` is None when predictions are not logged. ``stopping_at`` is ``time.monotonic`` of the signal to stop.
    ``counts`` is for requests that belong to no model. ``all_counts`` are those of the models and of no model.
    ``metrics_of_all`` gives the metrics of all processes; it is None when this is the only one."""

    def __init__(self, models: list[Model], settings: Settings) -> None:
        self.models, self.settings = models, settings
        self.log: PredictionLog | None = None
        self.draining = False
        self.stopping_at = 0.0
        several = len(models) > 1
        self.counts = Counts("") if several else models[0].counts
        counts = [model.counts for model in models]
        self.all_counts = [self.counts, *counts] if several else counts
        self.metrics = Metrics(settings.identity, self.all_counts, self._is_ready)
        self.metrics_of_all: Callable[[], Awaitable[bytes]] | None = None

    @property
    def ready(self) -> bool:
        """Whether every model is loaded and the server is not draining."""
        return all(map(self.is_ready, self.models))

    def is_ready(self, model: Model) -> bool:
        return model.plane is not None and not self.draining

    def _is_ready(self, name: str) -> bool:
        return all(self.is_ready(model) for model in self.models if name in ("", model.package.model))

    def drain(self) -> None:
        """Be ready no more, and note the time at which stopping began."""
        if not self.draining:
            self.draining, self.stopping_at = True, monotonic()
            if self.log:
                self.log.stopping = True

    def record(self, model: Model, prediction: Prediction, request_id: str) -> None:
        """Count a prediction, and log it unless it is a golden row's. ``request_id`` may be ''."""
        model.counts.predicted(prediction.rows, prediction.unseen)
        if self.log and prediction.id != GOLDEN_ID:
            self.log.add(model.package.model, request_id, prediction)
