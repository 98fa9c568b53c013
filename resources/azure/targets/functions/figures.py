"""Figures of function apps, measured by Azure Monitor.

The metrics and their aggregations:
https://learn.microsoft.com/azure/azure-monitor/reference/supported-metrics/microsoft-web-sites-metrics
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from intermodal.platform.ports.endpoints import MODEL_TAG, VERSION_TAG
from intermodal.platform.ports.metrics import Figures
from intermodal.platform.targets import Target
from intermodal.resources.azure.monitor import MINUTE, Monitor, Series
from intermodal.resources.concurrency import parallel

SOURCE = "azure-monitor"
REQUESTS, FAILED = "Requests", "Http5xx"
READ_WORKERS = 8


@dataclass(frozen=True)
class FunctionFigures:
    """A read is one call for each app. The identity needs Monitoring Reader in the resource group.

    What Azure does not measure is None: it has a mean of the response times (HttpResponseTime) and no percentile, all
    4xx together and not those of throttling, and the processor of the plan, which all of its apps share.
    """

    target: Target
    monitor: Monitor
    delay_seconds: float

    def read(self, sites: Iterable[Any], seconds: float) -> Sequence[Figures]:
        """A row for each app, also without requests."""
        end = math.ceil((time.time() - self.delay_seconds) / MINUTE) * MINUTE
        start = end - max(math.ceil(seconds / MINUTE), 1) * MINUTE
        by_name = {site.name: site for site in sites}
        found = parallel(lambda name: self._read(by_name[name], start, end), list(by_name), READ_WORKERS)
        return [found[name] for name in by_name]

    def _read(self, site: Any, start: float, end: float) -> Figures:
        measured = self.monitor.totals(site.id, [REQUESTS, FAILED], start, end)
        requests, failed = _sum(measured[REQUESTS]), _sum(measured[FAILED])
        return Figures(
            source=SOURCE,
            model=site.tags.get(MODEL_TAG, ""),
            target=self.target,
            version=site.tags.get(VERSION_TAG, ""),
            requests=requests / (end - start),
            error_rate=failed / requests if requests else 0.0,
        )


def _sum(series: Sequence[Series]) -> float:
    return sum(value for each in series for value in each.points.values())
