"""The front's measurements of endpoints, as the numbers that SageMaker publishes. They end with an outage.

https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html has more than what is measured here.
"""

import math
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import ClassVar

from intermodal.sandbox.aws.errors import not_emulated
from intermodal.sandbox.aws.fleet import Fleet, Live
from intermodal.sandbox.invocations import Recorder, Window
from intermodal.sandbox.usage import Usage

INVOCATIONS, INSTANCES = "AWS/SageMaker", "/aws/sagemaker/Endpoints"
UNITS = {
    (INVOCATIONS, "Invocations"): "None",
    (INVOCATIONS, "Invocation4XXErrors"): "None",
    (INVOCATIONS, "Invocation5XXErrors"): "None",
    (INVOCATIONS, "InvocationModelErrors"): "None",
    (INVOCATIONS, "ModelLatency"): "Microseconds",
    (INSTANCES, "CPUUtilization"): "Percent",
}


class Measures:
    """Requests by endpoint and variant. A source of ``CloudWatch``.

    ``usage`` must be watched by the process that runs the front.
    """

    units: ClassVar[Mapping[tuple[str, str], str]] = UNITS
    dimensions: ClassVar[tuple[str, ...]] = ("EndpointName", "VariantName")

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.usage = Usage(self._processes)
        self._answered, self._unreached = Recorder(), Recorder()

    def reading(self) -> "Reading":
        return Reading(self)

    def answered(self, name: str, variant: str, status: int, seconds: float) -> None:
        """A container had the request. ``status`` is its own, 0 when it was too slow, 503 when it died."""
        self._answered.add(f"{name}/{variant}", status, seconds)

    def unreached(self, name: str, variant: str) -> None:
        """The front answered 503 by itself, which AWS is taken to count as a 5xx that is not the model's."""
        self._unreached.add(f"{name}/{variant}", 503, 0)

    def windows(self, name: str, variant: str, start: float, end: float) -> tuple[Window, Window]:
        """Requests between two moments (Unix seconds): those that reached a container, and the others."""
        variant_key = f"{name}/{variant}"
        return self._answered.window(variant_key, start, end), self._unreached.window(variant_key, start, end)

    def processor(self, name: str, variant: str, start: float, end: float) -> Sequence[float]:
        """Per cent of one core, so that two busy cores are 200."""
        live = self.fleet.live.get(name)
        if live is None or live.variant != variant:
            return []
        keys = _keys(name, live)
        return [100 * cores for key in keys for cores in self.usage.cores(key, start, end)]

    def _processes(self) -> dict[str, int]:
        return {
            key: instance.process.pid
            for name, live in self.fleet.live.items()
            for key, instance in zip(_keys(name, live), live.instances, strict=True)
            if instance.alive
        }


class Reading:
    """The values of many metrics at one moment; requests are counted and sorted once for all metrics."""

    def __init__(self, measures: Measures) -> None:
        self._windows, self._processor = cache(measures.windows), measures.processor
        self.samples = cache(self._samples)

    def _samples(self, metric: str, name: str, variant: str, start: float, end: float) -> Sequence[float]:
        """Every value that SageMaker would have published between two moments (Unix seconds)."""
        if metric == "CPUUtilization":
            return self._processor(name, variant, start, end)
        got, missed = self._windows(name, variant, start, end)
        total = got.count() + missed.count()
        match metric:
            case "Invocations":
                return [1.0] * total
            case "Invocation4XXErrors":
                return _share(got.count(400, 500), total)
            case "Invocation5XXErrors":
                return _share(got.count(500) + missed.count(), total)
            case "InvocationModelErrors":
                return _share(got.count() - got.count(200, 300), total)
            case "ModelLatency":
                return [seconds * 1e6 for seconds in got.seconds()]
        raise not_emulated(f"the metric {metric}")


def _keys(name: str, live: Live) -> list[str]:
    return [f"{name}/{live.variant}/{number}" for number in range(len(live.instances))]


def _share(ones: int, total: int) -> list[float]:
    return [1.0] * ones + [0.0] * (total - ones)


def statistic(name: str, values: Sequence[float]) -> float:
    """``Sum``, ``Average``, ``Minimum``, ``Maximum``, ``SampleCount`` or ``p50`` (any percentile) of some values."""
    match name:
        case "Sum":
            return float(sum(values))
        case "Average":
            return sum(values) / len(values)
        case "Minimum":
            return min(values)
        case "Maximum":
            return max(values)
        case "SampleCount":
            return float(len(values))
    if not re.fullmatch(r"p(100|\d{1,2}(\.\d+)?)", name):
        raise not_emulated(f"the statistic '{name}'")
    rank = math.ceil(float(name[1:]) / 100 * len(values))
    return sorted(values)[max(rank, 1) - 1]
