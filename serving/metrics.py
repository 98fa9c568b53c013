"""What Prometheus reads. A request only adds to plain numbers, a tenth of what prometheus_client's own counters take;
it writes them when somebody scrapes."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from intermodal.serving.settings import Identity

LABELS = ("model", "model_version", "cloud", "target")
BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)
BOUNDS = (*map(str, BUCKETS), "+Inf")
CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"


class Metrics(Collector):
    """One server's metrics. ``in_flight`` and ``ready`` are asked for when somebody scrapes. Each number is written by
    one thread only: the log's three by the log, the others by the event loop."""

    def __init__(self, model: str, identity: Identity, in_flight: Callable[[], int], ready: Callable[[], bool]) -> None:
        self._who = (model, identity.version, identity.cloud, identity.target)
        self._in_flight, self._ready = in_flight, ready
        self._requests: dict[tuple[str, int], list[int]] = {}
        self._seconds = defaultdict[str, float](float)
        self._unseen = Counter[str]()
        self.rows = self.logged = self.dropped = self.log_errors = 0
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def answered(self, route: str, code: int, seconds: float) -> None:
        """``route`` is one of the routes that exist, or 'other', so that callers cannot make new series."""
        counts = self._requests.get((route, code))
        if counts is None:
            counts = self._requests[route, code] = [0] * len(BOUNDS)
        counts[bisect_left(BUCKETS, seconds)] += 1
        self._seconds[route] += seconds

    def predicted(self, rows: int, unseen: Mapping[str, int]) -> None:
        self.rows += rows
        if unseen:
            self._unseen.update(unseen)

    def text(self) -> bytes:
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """What prometheus_client asks for at a scrape."""
        by_code = {(route, str(code)): sum(counts) for (route, code), counts in self._requests.items()}
        yield self._counter("requests", "Requests answered", ("route", "code"), by_code.items())
        yield self._histogram()
        yield self._counter("rows", "Rows predicted", (), [((), self.rows)])
        unseen = "Values not seen in training, taken as missing"
        counts = [((column,), count) for column, count in self._unseen.items()]
        yield self._counter("unseen_categories", unseen, ("column",), counts)
        for name, text, count in (
            ("logged", "Requests that are stored in the prediction log", self.logged),
            ("dropped", "Requests that the prediction log could not hold", self.dropped),
            ("log_errors", "Failed attempts to store a part of the prediction log", self.log_errors),
        ):
            yield self._counter(f"predictions_{name}", text, (), [((), count)])
        yield self._gauge("requests_in_flight", "Requests being answered now", self._in_flight())
        yield self._gauge("ready", "1 when the model is loaded and has repeated its golden rows", self._ready())

    def _counter(
        self, name: str, text: str, labels: tuple[str, ...], counts: Iterable[tuple[tuple[str, ...], int]]
    ) -> Metric:
        family = CounterMetricFamily(f"intermodal_{name}", text, labels=(*LABELS, *labels))
        for values, count in counts:
            family.add_metric((*self._who, *values), count)
        return family

    def _gauge(self, name: str, text: str, value: float) -> Metric:
        family = GaugeMetricFamily(f"intermodal_{name}", text, labels=LABELS)
        family.add_metric(self._who, value)
        return family

    def _histogram(self) -> Metric:
        text = "Seconds from the head of a request to its answer"
        family = HistogramMetricFamily("intermodal_request_seconds", text, labels=(*LABELS, "route"))
        for route, seconds in self._seconds.items():
            codes = [counts for (one, _), counts in self._requests.items() if one == route]
            upto = accumulate(map(sum, zip(*codes, strict=True)))
            family.add_metric((*self._who, route), list(zip(BOUNDS, upto, strict=True)), seconds)
        return family
