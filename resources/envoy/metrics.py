"""Figures from the gateway's own counters, where no Prometheus runs. Fulfils the port ``Metrics``."""

import time
from collections.abc import Sequence
from pathlib import Path

import dagster as dg
from pydantic import Field

from intermodal.platform.errors import Unavailable
from intermodal.platform.ports.gateway import Tries
from intermodal.platform.ports.metrics import Figures
from intermodal.resources.envoy.control.admin import Admin
from intermodal.resources.envoy.stats import counters, history
from intermodal.resources.envoy.stats import samples as prometheus
from intermodal.resources.envoy.stats.config import NAMESPACE

FIRST_SPAN_SECONDS = 2.0
"""The span that is measured when no earlier reading helps; Envoy gathers its histograms once a second."""


class EnvoyMetrics(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Envoy counts since its start, so each read keeps its reading in ``directory`` and returns the difference.

    A row is what one target did with the tries that it was sent: an answer that another target gave after a failed try
    counts in both. Drills count, probes do not. Latencies are those of tries that got an answer. Errors: Unavailable.
    """

    admin_url: str = Field(description="Envoy's admin interface, on loopback.")
    directory: str = Field(description="The gateway's directory; figures/ in it is this resource's.")

    @property
    def source(self) -> str:
        return "gateway"

    def read(self, seconds: float, model: str = "") -> Sequence[Figures]:
        """What happened in about the last ``seconds``, a row for each model, target and version that was sent anything.

        Rates are by the span that was really measured, which ``measured`` returns.
        """
        return self.measured(seconds, model)[1]

    def measured(self, seconds: float, model: str = "") -> tuple[float, Sequence[Figures]]:
        """The span in seconds, and the figures over it.

        It begins with the earlier reading, of whichever process, that is nearest to ``seconds`` ago, or with Envoy's
        start when that is nearer. With no reading in twice that time it is a new one, two seconds long, which this
        waits for.
        """
        if not Path(self.directory).is_dir():
            raise Unavailable(f"There is no gateway in {self.directory}.", hint="Start it with 'intermodal up'.")
        now = self._read_now()
        before = history.nearest(self._folder, now.time, seconds, now.started)
        age = now.time - now.started
        if age <= 2 * seconds and (before is None or abs(age - seconds) < abs(now.time - before.time - seconds)):
            before = history.Reading(now.started, now.started, {})
        if before is None:
            time.sleep(FIRST_SPAN_SECONDS)
            before, now = now, self._read_now()
        span = max(now.time - before.time, 0.001)
        came = {
            key: counted.since(before.counted.get(key, Tries()))
            for key, counted in sorted(now.counted.items())
            if model in ("", key[0])
        }
        return span, [counters.figures(key, counted, span) for key, counted in came.items() if counted.requests]

    def _read_now(self) -> history.Reading:
        """All models, whichever is named: the next read may be about another."""
        admin = Admin(self.admin_url)
        text = str(admin.get("/server_info").json()["uptime_current_epoch"])
        taken = time.time()
        samples = prometheus.read(admin, rf"^{NAMESPACE}\.tries_")
        reading = history.Reading(taken, taken - uptime(text), counters.of(samples))
        history.keep(self._folder, reading)
        return reading

    @property
    def _folder(self) -> Path:
        return Path(self.directory).absolute() / "figures"


def uptime(text: str) -> float:
    """Seconds, from ``12s``: Envoy reports whole ones, so half a second more is the best guess."""
    return float(text.removesuffix("s") or 0) + 0.5
