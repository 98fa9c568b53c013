"""Intermodal's own gauges for dashboards and alerts. Fulfils the port ``Gauges`` with Prometheus' Pushgateway.

Runs end before a scrape, so they push their numbers: https://github.com/prometheus/pushgateway.
"""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import dagster as dg
import httpx
from pydantic import Field

from intermodal.platform.errors import Unavailable

JOB = "intermodal"
_log = logging.getLogger(__name__)


class Pushgateway(dg.ConfigurableResource):  # type: ignore[type-arg]
    """A Pushgateway at ``url``. Every series carries ``job="intermodal"`` and ``group``."""

    url: str = Field(default="", description="Such as http://127.0.0.1:9091; empty: numbers are dropped.")
    seconds: float = Field(default=5.0, gt=0, description="Limit of a push, in seconds.")

    def push(self, group: str, gauges: Sequence[tuple[str, Mapping[str, str], float]]) -> None:
        """Replace all of ``group`` by these (name, labels, value) in one PUT.

        A label that only some series of a name have is empty in the others. Without a ``url`` this only writes to the
        debug log. Unavailable when the push fails; no error has the password.
        """
        if not self.url:
            _log.debug("no Pushgateway is configured: %d gauges of %s are dropped", len(gauges), group)
            return
        from prometheus_client import push_to_gateway
        from prometheus_client.exposition import basic_auth_handler

        url = httpx.URL(self.url if "://" in self.url else f"http://{self.url}")
        # urllib treats a user name and password as part of the host, and its errors have them.
        address = str(url.copy_with(userinfo=b""))
        handler = partial(basic_auth_handler, username=url.username or None, password=url.password)
        try:
            push_to_gateway(address, JOB, _registry(gauges), {"group": group}, timeout=self.seconds, handler=handler)
        except OSError as error:
            raise Unavailable(
                f"The Pushgateway at {address} does not take the numbers of '{group}': {error}.",
                hint="Start it, or unset INTERMODAL_PUSHGATEWAY_URL to do without.",
            ) from error


def _registry(gauges: Sequence[tuple[str, Mapping[str, str], float]]) -> Any:
    from prometheus_client import CollectorRegistry, Gauge

    by_name: dict[str, list[tuple[Mapping[str, str], float]]] = defaultdict(list)
    for name, labels, value in gauges:
        by_name[name].append((labels, value))
    registry = CollectorRegistry()
    for name, rows in by_name.items():
        names = sorted({label for labels, _ in rows for label in labels})
        gauge = Gauge(name, name.replace("_", " "), names, registry=registry)
        for labels, value in rows:
            series = gauge.labels(*(labels.get(label, "") for label in names)) if names else gauge
            series.set(value)
    return registry
