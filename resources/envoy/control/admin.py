"""What Envoy's admin interface reports: what it has taken, and which upstreams it sends to."""

import re
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import httpx

from intermodal.platform.errors import IntermodalError, Unavailable
from intermodal.resources.envoy.control.client import client
from intermodal.resources.storage.addresses import without_passwords

Kind = Literal["clusters", "upstreams", "entrance"]
"""The files that Envoy reads while it runs."""
Turn = Literal["first", "last", "never"]
DEGRADED = {"failed_degraded_outlier_detection", "failed_active_degraded_check"}
"""A golden row's answer carries the mark too when it is the first good one."""
SUBSCRIPTION: Mapping[Kind, str] = {
    "clusters": "cluster_manager.cds",
    "upstreams": "http.upstreams.rds.upstreams",
    "entrance": "http.entrance.rds.entrance",
}
POLL_SECONDS = 0.02
NAMED_AT_ONCE = 100


class Rejected(IntermodalError):
    """Envoy does not take a configuration; the old one keeps serving."""


@dataclass(frozen=True)
class Admin:
    """Envoy's admin interface at ``url``. Errors: Unavailable when nothing answers there."""

    url: str

    def get(self, path: str, **parameters: str) -> httpx.Response:
        return self._call("GET", path, parameters)

    def post(self, path: str, parameters: Mapping[str, str]) -> httpx.Response:
        return self._call("POST", path, parameters)

    def _call(self, method: str, path: str, parameters: Mapping[str, str]) -> httpx.Response:
        try:
            answer = client().request(method, f"{self.url.rstrip('/')}{path}", params=dict(parameters))
            answer.raise_for_status()
        except httpx.HTTPError as error:
            raise Unavailable(
                without_passwords(f"The gateway's Envoy does not answer at {self.url}: {error}."),
                hint="Start it with 'intermodal up', or check admin_url.",
            ) from error
        return answer

    def stats(self, kind: str, pattern: str) -> dict[str, Any]:
        rows = self.get("/stats", format="json", type=kind, filter=pattern).json()["stats"]
        return {row["name"]: row["value"] for row in rows if "name" in row}

    def rejections(self) -> dict[Kind, int]:
        """How many configurations of each kind were refused. Envoy goes through all of its counters for it: 0.7 s of a
        thousand models, in which it takes no configuration."""
        counted = self.stats(
            "Counters", r"^(cluster_manager\.cds|http\.(upstreams|entrance)\.rds\..*)\.update_rejected$"
        )
        return {kind: int(counted.get(f"{name}.update_rejected", 0)) for kind, name in SUBSCRIPTION.items()}

    def version(self, kind: Kind) -> str:
        name = f"{SUBSCRIPTION[kind]}.version_text"
        return str(self.stats("TextReadouts", f"^{name}$").get(name, ""))

    def warming(self) -> bool:
        name = "cluster_manager.warming_clusters"
        return bool(self.stats("Gauges", f"^{name}$").get(name, 0))

    def wait_taken(self, kind: Kind, version: str, rejections: int | None, patience: float) -> None:
        """Until Envoy uses ``version`` of a file; Rejected when it refuses, Unavailable after ``patience`` seconds.

        ``rejections`` is how many there were before the file was written; None when it was not written now.
        """
        started = time.monotonic()
        next_check, late = started + POLL_SECONDS, started + patience
        while self.version(kind) != version or (kind == "clusters" and self.warming()):
            now = time.monotonic()
            if now > min(next_check, late) and rejections is not None:
                next_check = now + (now - started)
                if self.rejections()[kind] > rejections:
                    raise Rejected(
                        f"Envoy refuses the new {kind}.", hint="The old route keeps serving; see Envoy's log."
                    )
            if now > late:
                raise Unavailable(
                    f"Envoy did not take the new {kind} within {patience:g} s.",
                    hint="Check that the gateway's directory is the one that its Envoy was started with.",
                )
            time.sleep(POLL_SECONDS)

    def hosts(self, pattern: str) -> dict[str, dict[str, Any]]:
        """The one host of each cluster whose name matches, as ``/clusters`` reports it."""
        statuses = self.get("/clusters", format="json", filter=pattern).json().get("cluster_statuses", [])
        return {status["name"]: status["host_statuses"][0] for status in statuses if status.get("host_statuses")}

    def turns(self, pattern: str) -> dict[str, Turn]:
        """When Envoy would now send to each cluster whose name matches."""
        return {name: turn(host.get("health_status", {})) for name, host in self.hosts(pattern).items()}

    def wait_idle(self, clusters: Collection[str], patience: float) -> None:
        """Until none of these clusters carries a request at two readings in a row, or ``patience`` seconds are over."""
        deadline, quiet = time.monotonic() + patience, 0
        pattern = f"^({'|'.join(map(re.escape, clusters))})$" if len(clusters) <= NAMED_AT_ONCE else ""
        while quiet < 2 and time.monotonic() < deadline:
            time.sleep(5 * POLL_SECONDS)
            busy = any(active_requests(host) for name, host in self.hosts(pattern).items() if name in clusters)
            quiet = 0 if busy else quiet + 1


def turn(status: Mapping[str, Any]) -> Turn:
    """``never``: probed as failing or ejected; ``last``: it fails too much, and is tried when no other is well."""
    flags = {name for name, flag in status.items() if flag is True}
    if flags - DEGRADED or status.get("eds_health_status", "HEALTHY") != "HEALTHY":
        return "never"
    return "last" if flags else "first"


def active_requests(host: Mapping[str, Any]) -> int:
    return sum(int(stat.get("value", 0)) for stat in host.get("stats", []) if stat["name"] == "rq_active")
