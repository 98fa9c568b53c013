"""``Microsoft.Insights/metrics`` of function apps: what Azure Monitor counts of their answers.

Names and units: https://learn.microsoft.com/azure/azure-monitor/reference/supported-metrics/microsoft-web-sites-metrics
"""

from collections.abc import Mapping

from aiohttp import web

from intermodal.sandbox.azure.functions.apps import Apps
from intermodal.sandbox.azure.insights import answer
from intermodal.sandbox.azure.measures import MINUTE, Metric, Series
from intermodal.sandbox.invocations import Recorder

KIND = "Microsoft.Web/sites"
KNOWN: Mapping[str, Metric] = {
    "Requests": Metric("Count", (), "total"),
    "Http5xx": Metric("Count", (), "total"),
    "HttpResponseTime": Metric("Seconds", (), "average"),
}


class FunctionInsights:
    def __init__(self, apps: Apps, requests: Recorder) -> None:
        self._apps, self._requests = apps, requests

    async def handle(self, request: web.Request) -> web.Response:
        app = request.match_info["app"]
        self._apps.get(app)
        return answer(
            request, KIND, KNOWN, lambda metric, _: [Series({}, lambda minute: self._value(app, metric, minute))]
        )

    def _value(self, app: str, metric: str, minute: float) -> float | None:
        window = self._requests.window(app, minute, minute + MINUTE)
        if metric == "HttpResponseTime":
            taken = window.seconds()
            return sum(taken) / len(taken) if taken else None
        return float(window.count(500 if metric == "Http5xx" else 0))
