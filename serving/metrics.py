"""What Prometheus reads. Children are resolved once, since looking labels up costs more than counting."""

from collections.abc import Callable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from intermodal.serving.settings import Identity

LABELS = ("model", "model_version", "cloud", "target")
BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)
CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """One server's metrics. ``in_flight`` and ``ready`` are asked for when somebody scrapes."""

    def __init__(self, model: str, identity: Identity, in_flight: Callable[[], int], ready: Callable[[], bool]) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._who = (model, identity.version, identity.cloud, identity.target)
        self._requests = Counter(
            "intermodal_requests", "Requests answered", (*LABELS, "route", "code"), registry=self._registry
        )
        self._seconds = Histogram(
            "intermodal_request_seconds",
            "Seconds from the head of a request to its answer",
            (*LABELS, "route"),
            registry=self._registry,
            buckets=BUCKETS,
        )
        self._rows = Counter("intermodal_rows", "Rows predicted", LABELS, registry=self._registry).labels(*self._who)
        self._unseen = Counter(
            "intermodal_unseen_categories",
            "Values not seen in training, taken as missing",
            (*LABELS, "column"),
            registry=self._registry,
        )
        logged = ("logged", "Requests that are stored in the prediction log")
        dropped = ("dropped", "Requests that the prediction log could not hold")
        failed = ("log_errors", "Failed attempts to store a part of the prediction log")
        self._logged, self._dropped, self._log_errors = (
            Counter(f"intermodal_predictions_{name}", text, LABELS, registry=self._registry).labels(*self._who)
            for name, text in (logged, dropped, failed)
        )
        self._gauge("intermodal_requests_in_flight", "Requests being answered now", in_flight)
        self._gauge("intermodal_ready", "1 when the model is loaded and has repeated its golden rows", ready)
        self._children: dict[tuple[str, int], tuple[Any, Any]] = {}

    def _gauge(self, name: str, text: str, ask: Callable[[], float]) -> None:
        Gauge(name, text, LABELS, registry=self._registry).labels(*self._who).set_function(ask)

    def answered(self, route: str, code: int, seconds: float) -> None:
        """``route`` is one of the routes that exist, or 'other', so that callers cannot make new series."""
        pair = self._children.get((route, code))
        if pair is None:
            pair = (self._requests.labels(*self._who, route, str(code)), self._seconds.labels(*self._who, route))
            self._children[route, code] = pair
        pair[0].inc()
        pair[1].observe(seconds)

    def predicted(self, rows: int, unseen: Mapping[str, int]) -> None:
        self._rows.inc(rows)
        for column, count in unseen.items():
            self._unseen.labels(*self._who, column).inc(count)

    def log_stored(self, requests: int) -> None:
        self._logged.inc(requests)

    def log_dropped(self, requests: int) -> None:
        self._dropped.inc(requests)

    def log_failed(self) -> None:
        self._log_errors.inc()

    def text(self) -> bytes:
        return generate_latest(self._registry)
