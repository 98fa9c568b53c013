"""Figures from the gateway's own counters, for where no Prometheus runs. Fulfils the port ``Metrics``."""

import time
from collections.abc import Sequence
from pathlib import Path

import dagster as dg
from pydantic import Field

from intermodal.platform.errors import Unavailable
from intermodal.platform.ports.metrics import Figures
from intermodal.resources.envoy.control.admin import Admin
from intermodal.resources.envoy.stats import counters, history
from intermodal.resources.envoy.stats import samples as prometheus
from intermodal.resources.envoy.stats.config import NAMESPACE

FIRST_LOOK_SECONDS = 2.0
"""How long is looked when no earlier look helps; Envoy gathers its histograms once a second."""


class EnvoyMetrics(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Envoy counts since its start, so each read keeps what it saw in ``directory`` and tells the difference.

    A row is what one cloud did with the tries that it was sent: an answer that another cloud gave after a failed try
    counts in both. Drills count, probes do not. Latencies are those of tries that got an answer. Errors: Unavailable.
    """

    admin_url: str = Field(description="Envoy's admin interface, on loopback.")
    directory: str = Field(description="The gateway's directory; figures/ in it is this resource's.")

    @property
    def source(self) -> str:
        return "gateway"

    def read(self, seconds: float, model: str = "") -> Sequence[Figures]:
        """What happened in about the last ``seconds``, a row for each model, cloud and version that was sent anything.

        Rates are by the span that was really looked at, which ``measured`` tells.
        """
        return self.measured(seconds, model)[1]

    def measured(self, seconds: float, model: str = "") -> tuple[float, Sequence[Figures]]:
        """The span in seconds, and the figures over it.

        It begins with the earlier look, of whichever process, that is nearest to ``seconds`` ago, or with Envoy's start
        when that is nearer. With no look in twice that time it is a new one, two seconds long, which this waits for.
        """
        if not Path(self.directory).is_dir():
            raise Unavailable(f"No gateway lives in {self.directory}.", hint="Start it with 'intermodal up'.")
        now = self._look()
        before = history.nearest(self._folder, now.at, seconds, now.started)
        age = now.at - now.started
        if age <= 2 * seconds and (before is None or abs(age - seconds) < abs(now.at - before.at - seconds)):
            before = history.Look(now.started, now.started, {})
        if before is None:
            time.sleep(FIRST_LOOK_SECONDS)
            before, now = now, self._look()
        span = max(now.at - before.at, 0.001)
        came = {
            key: one.since(before.counted.get(key, counters.Counted()))
            for key, one in sorted(now.counted.items())
            if model in ("", key[0])
        }
        return span, [counters.figures(key, one, span) for key, one in came.items() if one.tries]

    def _look(self) -> history.Look:
        """All models, whichever is asked for: the next read may be about another."""
        admin = Admin(self.admin_url)
        told = str(admin.get("/server_info").json()["uptime_current_epoch"])
        at = time.time()
        samples = prometheus.read(admin, rf"^{NAMESPACE}\.tries_")
        look = history.Look(at, at - uptime(told), counters.of(samples))
        history.keep(self._folder, look)
        return look

    @property
    def _folder(self) -> Path:
        return Path(self.directory).absolute() / "figures"


def uptime(told: str) -> float:
    """Seconds, from ``12s``: Envoy tells whole ones, so half a one more is the best guess."""
    return float(told.removesuffix("s") or 0) + 0.5
