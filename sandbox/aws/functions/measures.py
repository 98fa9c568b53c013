"""The front's measurements of functions, as the numbers that Lambda publishes. They end with an outage.

https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html has more than what is measured here.
"""

from collections.abc import Sequence
from typing import ClassVar

from intermodal.sandbox.aws.errors import not_emulated
from intermodal.sandbox.invocations import Recorder

NAMESPACE = "AWS/Lambda"
THROTTLED, FAILED, RAN = 429, 500, 200


class FunctionMeasures:
    """Requests by function and alias. A source of ``CloudWatch``; each metric has FunctionName and Resource."""

    units: ClassVar[dict[tuple[str, str], str]] = {
        (NAMESPACE, "Invocations"): "Count",
        (NAMESPACE, "Errors"): "Count",
        (NAMESPACE, "Throttles"): "Count",
        (NAMESPACE, "Duration"): "Milliseconds",
    }
    dimensions: ClassVar[tuple[str, ...]] = ("FunctionName", "Resource")

    def __init__(self) -> None:
        self._recorder = Recorder()

    def add(self, name: str, qualifier: str, outcome: int, seconds: float = 0) -> None:
        """``outcome`` is RAN, FAILED (a function error) or THROTTLED."""
        self._recorder.add(f"{name}/{name}:{qualifier}", outcome, seconds)

    def reading(self) -> "FunctionMeasures":
        return self

    def samples(self, metric: str, name: str, resource: str, start: float, end: float) -> Sequence[float]:
        """Every value that Lambda would have published between two moments (Unix seconds)."""
        window = self._recorder.window(f"{name}/{resource}", start, end)
        ran, failed = window.count(RAN, RAN + 1), window.count(FAILED, FAILED + 1)
        match metric:
            case "Invocations":
                return [1.0] * (ran + failed)
            case "Errors":
                return [1.0] * failed + [0.0] * ran
            case "Throttles":
                return [1.0] * window.count(THROTTLED, THROTTLED + 1)
            case "Duration":
                return [seconds * 1000 for status in (RAN, FAILED) for seconds in window.seconds(status, status + 1)]
        raise not_emulated(f"the metric {metric}")
