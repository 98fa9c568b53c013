"""The figures of Cloud Run in Cloud Monitoring of its revisions: by the front, by the clock and by the kernel.

https://cloud.google.com/monitoring/api/metrics_gcp_p_z#gcp-run
"""

from collections.abc import Callable, Mapping
from typing import Any

from intermodal.sandbox.containers import Container
from intermodal.sandbox.gcp.identity import PROJECT, REGION
from intermodal.sandbox.gcp.measured import Metric, Series, Value
from intermodal.sandbox.invocations import Recorder
from intermodal.sandbox.usage import Usage

METRICS: Mapping[str, Metric] = {
    "run.googleapis.com/request_count": Metric("DELTA", "INT64"),
    "run.googleapis.com/request_latencies": Metric("DELTA", "DISTRIBUTION"),
    "run.googleapis.com/container/startup_latencies": Metric("DELTA", "DISTRIBUTION"),
    "run.googleapis.com/container/cpu/utilizations": Metric("DELTA", "DISTRIBUTION"),
    "run.googleapis.com/container/instance_count": Metric("GAUGE", "INT64"),
}


class RunMetrics:
    """Everything goes by revision: its name with the project's and the service's, as it stands in the state.
    Fulfils ``measured.Source``."""

    metrics = METRICS
    resource = "cloud_run_revision"
    labels = ("project_id", "location", "service_name", "revision_name", "configuration_name")

    def __init__(self, records: Mapping[str, Any], live: Mapping[str, Container]) -> None:
        self._records, self._live = records, live
        self.requests, self.starts = Recorder(), Recorder()
        self.usage = Usage(self._processes)

    def request(self, service: str, status: int, seconds: float) -> None:
        """A request to a service's container ended. What never reached one is not counted, as Google does not."""
        if serving := self._records[service].get("serving"):
            self.requests.add(serving["revision"], status, seconds)

    def started(self, revision: str, seconds: float) -> None:
        """A container began to serve."""
        self.starts.add(revision, 200, seconds)

    def series(self, metric: str) -> list[Series]:
        """One for each combination of labels that has a point."""
        match metric.removeprefix("run.googleapis.com/"):
            case "request_count":
                return self._by_code(lambda revision, code: lambda s, e: self._count(revision, code, s, e))
            case "request_latencies":
                return self._by_code(lambda revision, code: lambda s, e: self._latencies(revision, code, s, e))
            case "container/startup_latencies":
                return [_one(name, {}, self._startups(name)) for name in self.starts.names()]
            case "container/cpu/utilizations":
                self.usage.look()
                return [_one(name, {}, self._cpu(name)) for name in self._processes()]
            case _:
                self.usage.look()
                states = ("active", "idle")
                names = self._processes()
                return [
                    _one(name, {"state": state}, self._instances(name, state)) for name in names for state in states
                ]

    def _processes(self) -> dict[str, int]:
        """The revision that serves each service → its process."""
        found = {}
        for service, container in self._live.items():
            record = self._records.get(service)
            if record is not None and container.alive and (serving := record.get("serving")):
                found[serving["revision"]] = container.process.pid
        return found

    def _by_code(self, read: Callable[[str, int], Callable[[float, float], Value | None]]) -> list[Series]:
        found = []
        for name in self.requests.names():
            for code in sorted(self.requests.window(name, 0, float("inf")).answers):
                labels = {"response_code": str(code), "response_code_class": f"{code // 100}xx"}
                found.append(_one(name, labels, read(name, code)))
        return found

    def _count(self, revision: str, code: int, start: float, end: float) -> int | None:
        return self.requests.window(revision, start, end).count(code, code + 1) or None

    def _latencies(self, revision: str, code: int, start: float, end: float) -> list[float] | None:
        taken = self.requests.window(revision, start, end).seconds(code, code + 1)
        return [seconds * 1000 for seconds in taken] or None

    def _startups(self, revision: str) -> Callable[[float, float], Value | None]:
        return lambda start, end: [s * 1000 for s in self.starts.window(revision, start, end).seconds()] or None

    def _cpu(self, revision: str) -> Callable[[float, float], Value | None]:
        """A share of the one processor that each container has."""
        return lambda start, end: self.usage.cores(revision, start, end) or None

    def _instances(self, revision: str, state: str) -> Callable[[float, float], Value | None]:
        """Active when it had a request in the minute before."""

        def read(_start: float, end: float) -> int | None:
            if not self.usage.lived(revision, end):
                return None
            busy = self.requests.window(revision, end - 60, end).count() > 0
            return int(busy == (state == "active"))

        return read


def _one(revision: str, labels: Mapping[str, str], read: Callable[[float, float], Value | None]) -> Series:
    service, short = revision.split("/")[-3], revision.rsplit("/", 1)[1]
    location = {"project_id": PROJECT, "location": REGION}
    named = {"service_name": service, "revision_name": short, "configuration_name": service}
    return Series(labels, location | named, read)
