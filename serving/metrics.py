"""What Prometheus reads. A request only adds to plain numbers, a tenth of what prometheus_client's own counters take;
it writes them when somebody scrapes."""

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
CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"


class Counts:
    """Plain numbers of one model. Each is written by one thread only: ``logged`` and ``log_errors`` by the log's own,
    the others by the event loop."""

    def __init__(self, model: str) -> None:
        self.model = model
        self.requests: dict[tuple[str, int], list[int]] = {}
        self.seconds = defaultdict[str, float](float)
        self.unseen = Counter[str]()
        self.rows = self.in_flight = self.passed_over = self.logged = self.dropped = self.log_errors = 0

    def answered(self, route: str, code: int, seconds: float) -> None:
        """``route`` is one of the routes that exist, or 'other', so that callers cannot make new series."""
        counts = self.requests.get((route, code))
        if counts is None:
            counts = self.requests[route, code] = [0] * len(BOUNDS)
        counts[bisect_left(BUCKETS, seconds)] += 1
        self.seconds[route] += seconds

    def predicted(self, rows: int, unseen: Unseen) -> None:
        self.rows += rows
        if unseen:
            self.unseen.update({column: len(found) for column, found in unseen.items()})

    def by_route(self) -> Iterator[tuple[str, list[tuple[str, float]], float]]:
        """A route, the requests that took at most so many seconds, and the sum of seconds."""
        for route, seconds in self.seconds.items():
            codes = [counts for (one, _), counts in self.requests.items() if one == route]
            upto = accumulate(map(sum, zip(*codes, strict=True)))
            yield route, list(zip(BOUNDS, upto, strict=True)), seconds


class Metrics(Collector):
    """A server's metrics. ``ready`` is asked for each model when somebody scrapes."""

    def __init__(self, identity: Identity, counts: Sequence[Counts], ready: Callable[[str], bool]) -> None:
        self._who = {one.model: (one.model, identity.version, identity.cloud, identity.target) for one in counts}
        self._counts, self._ready = counts, ready
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def text(self) -> bytes:
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """What prometheus_client asks for at a scrape."""
        yield self._counter(
            *("requests", "Requests answered", ("route", "code")),
            lambda one: {(route, str(code)): sum(counts) for (route, code), counts in one.requests.items()},
        )
        yield self._histogram()
        yield self._counter("rows", "Rows predicted", (), lambda one: {(): one.rows})
        yield self._counter(
            *("unseen_categories", "Values not seen in training, taken as missing", ("column",)),
            lambda one: {(column,): count for column, count in one.unseen.items()},
        )
        logged = "Requests that are stored in the prediction log"
        yield self._counter("predictions_logged", logged, (), lambda one: {(): one.logged})
        passed = "Requests that are not in the sample of the prediction log"
        yield self._counter("predictions_passed_over", passed, (), lambda one: {(): one.passed_over})
        dropped = "Requests that the prediction log could not hold"
        yield self._counter("predictions_dropped", dropped, (), lambda one: {(): one.dropped})
        errors = "Failed attempts to store a part of the prediction log"
        yield self._counter("predictions_log_errors", errors, (), lambda one: {(): one.log_errors})
        yield self._gauge("requests_in_flight", "Requests being answered now", lambda one: one.in_flight)
        ready = "1 when the model is loaded and has repeated its golden rows"
        yield self._gauge("ready", ready, lambda one: self._ready(one.model))

    def _counter(
        self, name: str, text: str, labels: tuple[str, ...], of: Callable[[Counts], Mapping[tuple[str, ...], int]]
    ) -> Metric:
        family = CounterMetricFamily(f"intermodal_{name}", text, labels=(*LABELS, *labels))
        for one in self._counts:
            for values, count in of(one).items():
                family.add_metric((*self._who[one.model], *values), count)
        return family

    def _gauge(self, name: str, text: str, of: Callable[[Counts], float]) -> Metric:
        family = GaugeMetricFamily(f"intermodal_{name}", text, labels=LABELS)
        for one in self._counts:
            family.add_metric(self._who[one.model], of(one))
        return family

    def _histogram(self) -> Metric:
        text = "Seconds from the head of a request to its answer"
        family = HistogramMetricFamily("intermodal_request_seconds", text, labels=(*LABELS, "route"))
        for one in self._counts:
            for route, upto, seconds in one.by_route():
                family.add_metric((*self._who[one.model], route), upto, seconds)
        return family
