"""The metrics that Prometheus scrapes.

A request only adds to plain numbers, at a tenth of the cost of prometheus_client's own counters. prometheus_client
renders the numbers at a scrape.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from intermodal.serving.protocol.coerce import Unseen
from intermodal.serving.settings import Identity

LABELS = ("model", "model_version", "cloud", "target")
BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)
BOUNDS = (*map(str, BUCKETS), "+Inf")
NUMBERS = ("calls", "joined_rows", "rows", "in_flight", "passed_over", "logged", "dropped", "log_errors")
CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"


class Counts:
    """Plain numbers of one model. Each has one writing thread: ``logged`` and ``log_errors`` the log's own, the others
    the event loop."""

    def __init__(self, model: str) -> None:
        self.model = model
        self.requests: dict[tuple[str, int], list[int]] = {}
        self.seconds = defaultdict[str, float](float)
        self.unseen = Counter[str]()
        self.calls = self.joined_rows = 0  # NUMBERS has the names of all that are plain numbers
        self.rows = self.in_flight = self.passed_over = self.logged = self.dropped = self.log_errors = 0

    def answered(self, route: str, code: int, seconds: float) -> None:
        """Count a response. ``route`` is a route's label or 'other', so that callers cannot create series."""
        counts = self.requests.get((route, code))
        if counts is None:
            counts = self.requests[route, code] = [0] * len(BOUNDS)
        counts[bisect_left(BUCKETS, seconds)] += 1
        self.seconds[route] += seconds

    def predicted(self, rows: int, unseen: Unseen) -> None:
        """Count predicted rows and the categories in them that training did not see."""
        self.rows += rows
        if unseen:
            self.unseen.update({column: len(values) for column, values in unseen.items()})

    def add(self, other: "Counts") -> None:
        """Add the numbers of another process for the same model."""
        for key, counts in other.requests.items():
            own = self.requests.get(key, [0] * len(BOUNDS))
            self.requests[key] = list(map(sum, zip(own, counts, strict=True)))
        for route, seconds in other.seconds.items():
            self.seconds[route] += seconds
        self.unseen.update(other.unseen)
        for name in NUMBERS:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def by_route(self) -> Iterator[tuple[str, list[tuple[str, float]], float]]:
        """For each route: its name, the cumulative counts by bucket, and the sum of seconds."""
        for route, seconds in self.seconds.items():
            by_code = [counts for (name, _), counts in self.requests.items() if name == route]
            cumulative = accumulate(map(sum, zip(*by_code, strict=True)))
            yield route, list(zip(BOUNDS, cumulative, strict=True)), seconds


class Metrics(Collector):
    """A server's metrics. ``ready`` is called for each model at a scrape. ``process`` gives the figures of the process
    itself, or of several."""

    def __init__(
        self,
        identity: Identity,
        counts: Sequence[Counts],
        ready: Callable[[str], bool],
        process: Collector | None = None,
    ) -> None:
        target = (identity.version, identity.cloud, identity.target)
        self._labels = {model_counts.model: (model_counts.model, *target) for model_counts in counts}
        self._counts, self._ready = counts, ready
        self._registry = CollectorRegistry()
        self._registry.register(self)
        self._registry.register(process or ProcessCollector(registry=None))

    def text(self) -> bytes:
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """prometheus_client calls this at a scrape."""
        yield self._counter(
            *("requests", "Requests answered", ("route", "code")),
            lambda counts: {(route, str(code)): sum(n) for (route, code), n in counts.requests.items()},
        )
        yield self._histogram()
        yield self._counter(
            *("unseen_categories", "Values not seen in training, taken as missing", ("column",)),
            lambda counts: {(column,): count for column, count in counts.unseen.items()},
        )
        yield self._total("rows", "Rows predicted", lambda counts: counts.rows)
        calls = "Calls of the model in a thread"
        yield self._total("calls", calls, lambda counts: counts.calls)
        joined = "Rows predicted in one call with those of another request"
        yield self._total("joined_rows", joined, lambda counts: counts.joined_rows)
        logged = "Requests that are stored in the prediction log"
        yield self._total("predictions_logged", logged, lambda counts: counts.logged)
        passed_over = "Requests that are not in the sample of the prediction log"
        yield self._total("predictions_passed_over", passed_over, lambda counts: counts.passed_over)
        dropped = "Requests that the prediction log could not hold"
        yield self._total("predictions_dropped", dropped, lambda counts: counts.dropped)
        errors = "Failed attempts to store a part of the prediction log"
        yield self._total("predictions_log_errors", errors, lambda counts: counts.log_errors)
        yield self._gauge("requests_in_flight", "Requests being answered now", lambda counts: counts.in_flight)
        ready = "1 when the model is loaded and has repeated its golden rows"
        yield self._gauge("ready", ready, lambda counts: self._ready(counts.model))

    def _total(self, name: str, text: str, value_of: Callable[[Counts], int]) -> Metric:
        return self._counter(name, text, (), lambda counts: {(): value_of(counts)})

    def _counter(
        self,
        name: str,
        text: str,
        labels: tuple[str, ...],
        values_of: Callable[[Counts], Mapping[tuple[str, ...], int]],
    ) -> Metric:
        family = CounterMetricFamily(f"intermodal_{name}", text, labels=(*LABELS, *labels))
        for counts in self._counts:
            for label_values, count in values_of(counts).items():
                family.add_metric((*self._labels[counts.model], *label_values), count)
        return family

    def _gauge(self, name: str, text: str, value_of: Callable[[Counts], float]) -> Metric:
        family = GaugeMetricFamily(f"intermodal_{name}", text, labels=LABELS)
        for counts in self._counts:
            family.add_metric(self._labels[counts.model], value_of(counts))
        return family

    def _histogram(self) -> Metric:
        text = "Seconds from the head of a request to its answer"
        family = HistogramMetricFamily("intermodal_request_seconds", text, labels=(*LABELS, "route"))
        for counts in self._counts:
            for route, cumulative, seconds in counts.by_route():
                family.add_metric((*self._labels[counts.model], route), cumulative, seconds)
        return family
