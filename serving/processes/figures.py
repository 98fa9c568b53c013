"""The metrics of several processes, added up."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from prometheus_client import ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from intermodal.serving.metrics import Counts

CPU = "process_cpu_seconds_total"
ADDED = ("process_virtual_memory_bytes", "process_resident_memory_bytes", "process_open_fds", CPU)
"""Figures of a process that are added up. Start time and limits are the parent's."""

Figures = Mapping[str, float]


def of_this_process() -> Figures:
    return {
        sample.name: sample.value for family in ProcessCollector(registry=None).collect() for sample in family.samples
    }


def total(all_counts: Iterable[Sequence[Counts]]) -> list[Counts]:
    """The sums of each model's counts. Each element of ``all_counts`` is one process."""
    sums: dict[str, Counts] = {}
    for counts in all_counts:
        for model in counts:
            sums.setdefault(model.model, Counts(model.model)).add(model)
    return list(sums.values())


class Processes(Collector):
    """The figures of all processes: ``living`` are theirs, ``ended_cpu`` the processor seconds of ended workers."""

    def __init__(self, living: Sequence[Figures], ended_cpu: float, serving: int, replaced: int) -> None:
        self._living, self._ended_cpu, self._serving, self._replaced = living, ended_cpu, serving, replaced

    def collect(self) -> Iterator[Metric]:
        for family in ProcessCollector(registry=None).collect():
            for i, sample in enumerate(family.samples):
                if sample.name in ADDED:
                    ended = self._ended_cpu if sample.name == CPU else 0
                    value = ended + sum(figures.get(sample.name, 0) for figures in self._living)
                    family.samples[i] = sample._replace(value=value)
            yield family
        yield GaugeMetricFamily("intermodal_processes", "Processes that answer requests", value=self._serving)
        replaced = "Processes that ended before they were stopped, and were replaced"
        yield CounterMetricFamily("intermodal_processes_replaced", replaced, value=self._replaced)
