"""The figures of Vertex AI's endpoints in Cloud Monitoring, by the front.

https://cloud.google.com/monitoring/api/metrics_gcp_a_b#gcp-aiplatform
"""

from collections.abc import Callable, Mapping, Sequence

from intermodal.sandbox.containers import Container
from intermodal.sandbox.gcp.identity import PROJECT, REGION
from intermodal.sandbox.gcp.measured import Metric, Series, Value
from intermodal.sandbox.invocations import Recorder

PREFIX = "aiplatform.googleapis.com/prediction/online/"
Key = tuple[str, str]
"""An endpoint's name and a deployed model's id."""


class VertexMetrics:
    """Fulfils ``measured.Source``. ``live`` are the containers that serve."""

    metrics: Mapping[str, Metric] = {
        f"{PREFIX}response_count": Metric("DELTA", "INT64", "1"),
        f"{PREFIX}prediction_latencies": Metric("DELTA", "DISTRIBUTION", "us"),
        f"{PREFIX}replicas": Metric("GAUGE", "INT64", "1"),
    }
    resource = "aiplatform.googleapis.com/Endpoint"
    labels = ("resource_container", "location", "endpoint_id")

    def __init__(self, replicas: Callable[[str, str], int]) -> None:
        self._replicas = replicas
        self.live: dict[Key, Container] = {}
        self._requests = Recorder()

    def request(self, endpoint: str, deployed_id: str, status: int, seconds: float) -> None:
        """A deployed model answered, or failed to."""
        self._requests.add(f"{endpoint} {deployed_id}", status, seconds)

    def series(self, metric: str) -> Sequence[Series]:
        match metric.removeprefix(PREFIX):
            case "response_count":
                return [
                    _one(name, {"response_code": str(code)}, self._count(name, code))
                    for name in self._requests.names()
                    for code in sorted(self._requests.window(name, 0, float("inf")).answers)
                ]
            case "prediction_latencies":
                named = self._requests.names()
                return [_one(name, {"latency_type": "total"}, self._latencies(name)) for name in named]
            case _:
                return [_one(" ".join(key), {}, self._running(key)) for key in self.live]

    def _count(self, name: str, code: int) -> Callable[[float, float], Value | None]:
        return lambda start, end: self._requests.window(name, start, end).count(code, code + 1) or None

    def _latencies(self, name: str) -> Callable[[float, float], Value | None]:
        return lambda start, end: [s * 1e6 for s in self._requests.window(name, start, end).seconds()] or None

    def _running(self, key: Key) -> Callable[[float, float], Value | None]:
        return lambda _start, _end: self._replicas(*key) if self.live[key].alive else 0


def _one(name: str, labels: Mapping[str, str], read: Callable[[float, float], Value | None]) -> Series:
    endpoint, deployed_id = name.split(" ")
    resource = {"resource_container": PROJECT, "location": REGION, "endpoint_id": endpoint.rsplit("/", 1)[1]}
    return Series({"deployed_model_id": deployed_id, **labels}, resource, read)
