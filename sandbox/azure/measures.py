"""The figures of Azure ML in Azure Monitor of online endpoints and deployments, by the front and the kernel.

Names, units, dimensions: https://learn.microsoft.com/azure/azure-monitor/reference/supported-metrics/
microsoft-machinelearningservices-workspaces-onlineendpoints-metrics (and ...-onlineendpoints-deployments-metrics)
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import psutil

from intermodal.sandbox.azure.fleet import Fleet
from intermodal.sandbox.invocations import Recorder
from intermodal.sandbox.usage import Usage

MINUTE = 60
NO_MODEL = "Unknown"
"""The sandbox's own word for a request that no model answered; Azure does not document its own."""


@dataclass(frozen=True)
class Metric:
    unit: str
    dimensions: tuple[str, ...]
    aggregation: str = "average"


ENDPOINT: Mapping[str, Metric] = {
    "RequestsPerMinute": Metric("Count", ("deployment", "statusCode", "statusCodeClass", "modelStatusCode")),
    **{f"RequestLatency_P{p}": Metric("Milliseconds", ("deployment",)) for p in (50, 90, 95, 99)},
}
DEPLOYMENT: Mapping[str, Metric] = {"CpuUtilizationPercentage": Metric("Percent", ("instanceId",))}


@dataclass(frozen=True)
class Series:
    """``read`` gives the average of the minute that begins at a time (Unix seconds); None: there was nothing."""

    labels: Mapping[str, str]
    read: Callable[[float], float | None]


class Measures:
    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._requests = Recorder()
        self.usage = Usage(self._processes)

    def request(self, endpoint: str, deployment: str, status: int, model_status: int, seconds: float) -> None:
        """A request to an endpoint was answered; ``model_status`` is 0 when it reached no model."""
        self._requests.add(f"{endpoint}/{deployment}", status * 1000 + model_status, seconds)

    def of_endpoint(self, endpoint: str, metric: str, split_by: tuple[str, ...]) -> list[Series]:
        """One series for each combination of the labels; with none, a single one."""
        groups: dict[tuple[str, ...], list[tuple[str, int]]] = {}
        for name in self._requests.names():
            if name.startswith(f"{endpoint}/"):
                for code in self._requests.window(name, 0, math.inf).answers:
                    labels = _labels(name, code)
                    groups.setdefault(tuple(labels[label] for label in split_by), []).append((name, code))
        if not split_by:
            groups.setdefault((), [])
        return [
            Series(dict(zip(split_by, key, strict=True)), self._reader(metric, members))
            for key, members in sorted(groups.items())
        ]

    def of_deployment(self, key: str, split_by: tuple[str, ...]) -> list[Series]:
        """Processor use. ``key`` is ``<endpoint>/<deployment>``; the sandbox runs one instance of each."""
        self.usage.look()

        def read(minute: float) -> float | None:
            cores = self.usage.cores(key, minute, minute + MINUTE)
            return 100 * sum(cores) / len(cores) / (psutil.cpu_count() or 1) if cores else None

        return [Series({"instanceId": f"{key.replace('/', '-')}-0"} if split_by else {}, read)]

    def _processes(self) -> dict[str, int]:
        servers = self._fleet.servers.items()
        return {key: server.container.process.pid for key, server in servers if server.container.alive}

    def _reader(self, metric: str, members: list[tuple[str, int]]) -> Callable[[float], float | None]:
        def taken(minute: float) -> list[float]:
            windows = ((self._requests.window(name, minute, minute + MINUTE), code) for name, code in members)
            return sorted(seconds for window, code in windows for seconds in window.answers.get(code, ()))

        def count(minute: float) -> float | None:
            return float(len(taken(minute))) or None

        def percentile(minute: float) -> float | None:
            found = taken(minute)
            share = int(metric.rpartition("_P")[2]) / 100
            return found[math.ceil(share * len(found)) - 1] * 1000 if found else None

        return count if metric == "RequestsPerMinute" else percentile


def _labels(name: str, code: int) -> dict[str, str]:
    status, model_status = divmod(code, 1000)
    return {
        "deployment": name.partition("/")[2],
        "statusCode": str(status),
        "statusCodeClass": f"{status // 100}xx",
        "modelStatusCode": str(model_status) if model_status else NO_MODEL,
    }
