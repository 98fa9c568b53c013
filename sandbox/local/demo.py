"""``make demo``: months of real traffic, data that drifts and a site that dies, unattended."""

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
import httpx

from intermodal.platform.errors import IntermodalError
from intermodal.platform.ports import Gateway, Incidents
from intermodal.platform.ports.gateway import Route
from intermodal.platform.ports.incidents import Incident
from intermodal.platform.protocol import rows, v2
from intermodal.platform.targets import Target
from intermodal.platform.training import dataframes
from intermodal.sandbox import clouds
from intermodal.sandbox.local import runs
from intermodal.sandbox.local.replay import Callers
from intermodal.sandbox.local.up import DEMO
from intermodal.sandbox.settings import Settings

RATE = 200
A_MONTH = 5000
"""Requests for a month: every fifth flight or so, in their order."""


@dataclass(frozen=True)
class Outcome:
    """The outcome. ``late`` has the delay of each reaction in seconds, ``missing`` the reaction that did not come in
    time."""

    page: str
    late: dict[str, float]
    requests: int
    failed: int
    missing: str


def play(settings: Settings, gateway: Gateway, incidents: Incidents, say: Callable[[str], None]) -> Outcome:
    """Play the story on a fresh installation that is up; never raises for a reaction that is missing."""
    callers = Callers(f"http://127.0.0.1:{settings.ports.gateway}/v2/models/{DEMO}/infer", RATE)
    story, page, missing = Story(settings, gateway, incidents, say, callers), "", list[str]()
    try:
        story.play()
    except IntermodalError as error:
        missing.append(str(error))
    try:
        page = story.page()
    except IntermodalError as error:
        missing.append(f"There is no page of what happened: {error}")
    for each in missing:
        say(each)
    return Outcome(page, story.late, len(callers.sent), len(callers.failed), "; ".join(missing))


@dataclass
class Story:
    """The demo's steps. ``late`` has the delay of each reaction in seconds, in order."""

    settings: Settings
    gateway: Gateway
    incidents: Incidents
    say: Callable[[str], None]
    callers: Callers
    late: dict[str, float] = field(default_factory=dict)

    def play(self) -> None:
        """Play it; IntermodalError names the reaction that did not come in time."""
        first = self._version()
        for month in ("2013-04-01", "2013-05-01", "2013-06-01"):
            self.note(f"{A_MONTH} flights of {month[:7]} ask at {RATE}/s")
            self.callers.play(self._bodies(month))
            self._rows(month)
        self.note("July begins: its flights ask, and land with their labels (a month takes seconds here)")
        self._rows("2013-07-01")
        with self.callers.playing(self._month_after_month("2013-07-01")):
            self._drift(first)
            self._outage()

    def note(self, text: str) -> None:
        """Print the text and keep it on the model's timeline in the UI."""
        self.say(text)
        where = f"http://127.0.0.1:{self.settings.ports.ui}/report_asset_observation/{DEMO}/timeline"
        try:
            httpx.post(where, json={"metadata": {"note": text}}, timeout=30, trust_env=False).raise_for_status()
        except httpx.HTTPError as error:
            hint = f"Logs: {self.settings.home / 'logs'}."
            raise IntermodalError(f"Dagster's webserver keeps no note: {error!r}.", hint=hint) from error

    def page(self) -> str:
        """The model's timeline, as the UI shows it."""
        runs.follow(self.settings, runs.launch(self.settings, f"timeline_{DEMO}", {}), lambda _: None)
        metadata = self._latest("timeline")
        return str(metadata["timeline"])

    def _drift(self, first: str) -> None:
        began = time.time()
        found = self._until("drift is found", 180, lambda: self._drifted(first, "drifted"))
        self.late["July's first request → drift found"] = found - began
        self.note(f"drift was found in the requests of {first}")
        routed = self._until("a retrained version is routed", 300, lambda: self._version() != first and time.time())
        second = self._version()
        self.late["drift found → retrained version on all targets"] = routed - found
        self.note(f"{second} answers on all targets")
        cured = self._until("the retrained version is without drift", 240, lambda: self._drifted(second, "none"))
        self.late["retrained version routed → seen to be without drift"] = cured - routed

    def _outage(self) -> None:
        victim = self._route().serving[0]
        site = victim.site
        self.note(f"{site} is killed: API, storage and endpoints")
        killed = time.time()
        clouds.outage(self.settings, str(site))
        self._until("the gateway drains it", 30, lambda: not self.gateway.upstream_health(DEMO)[victim] and time.time())
        self.late[f"{site} killed → drained at the gateway"] = time.time() - killed
        incident = self._incident(victim, killed, "capacity", 120)
        for step, words in (("detected", "incident opened"), ("capacity", "capacity restored on another target")):
            self.late[f"{site} killed → {words}"] = (incident.time_of(step) or 0) - killed  # type: ignore[arg-type]
        time.sleep(5)
        self.note(f"{site} is back")
        back = time.time()
        clouds.restore(self.settings, str(site))
        incident = self._incident(victim, killed, "closed", 180)
        self.late[f"{site} back → current version, its share, incident closed"] = (incident.closed_at or 0) - back
        restored = time.time()
        self._until(
            f"{site} answers again", 30, lambda: self.callers.targets(restored)[str(victim)] > 0 and time.time()
        )

    def _incident(self, victim: Target, since: float, step: Any, seconds: float) -> Incident:
        def found() -> Incident | None:
            for known in self.incidents.all(DEMO):
                if known.target == victim and known.opened_at >= since - 1 and (known.time_of(step) or known.closed_at):
                    return known
            return None

        self._until(f"the incident's step '{step}'", seconds, lambda: found() is not None and time.time())
        incident = found()
        assert incident is not None
        return incident

    def _until(self, what: str, seconds: float, done: Callable[[], Any]) -> float:
        """Wait until ``done`` returns a time. IntermodalError when it does not."""
        deadline = time.time() + seconds
        while not (reached_at := done()):
            if time.time() > deadline:
                raise IntermodalError(
                    f"Not within {seconds:.0f} s: {what}.", hint=f"UI: port {self.settings.ports.ui}."
                )
            time.sleep(0.05)
        return float(reached_at)

    def _route(self) -> Route:
        route = self.gateway.route(DEMO)
        assert route is not None
        return route

    def _version(self) -> str:
        return self._route().version

    def _drifted(self, version: str, state: str) -> float:
        """When drift was last measured, if it was measured of this version with this outcome; else 0."""
        latest = self._latest("drift")
        return float(latest["at"]) if (latest.get("version"), latest.get("state")) == (version, state) else 0.0

    def _latest(self, stage: str) -> dict[str, Any]:
        with dg.DagsterInstance.from_config(str(self.settings.home / "dagster")) as instance:
            event = instance.get_latest_materialization_event(dg.AssetKey([DEMO, stage]))
        if event is None or event.asset_materialization is None:
            return {}
        metadata = {name: value.value for name, value in event.asset_materialization.metadata.items()}
        return {**metadata, "at": event.timestamp}

    def _rows(self, month: str) -> None:
        """The finished month's rows with their labels, as the monthly schedule brings them."""
        tags = {"dagster/asset_partition_range_start": month, "dagster/asset_partition_range_end": month}
        runs.follow(self.settings, runs.launch(self.settings, f"data_{DEMO}", tags), lambda _: None)

    def _bodies(self, month: str, start: int = 0, again: str = "") -> Iterator[bytes]:
        """Evenly chosen flights of a month in order, about A_MONTH of them."""
        from intermodal.models.flight_delay import data

        signature = rows.signature_of(self._route().metadata)
        flights = data.features(data.flights(month))
        for flight in dataframes.records(flights.iloc[start :: len(flights) // A_MONTH].head(A_MONTH)):
            yield v2.request_body(signature, [flight], id=flight["flight_id"] + again)

    def _month_after_month(self, month: str) -> Iterator[bytes]:
        """Other flights of the same month each time, without end."""
        for turn in itertools.count():
            yield from self._bodies(month, start=turn % 5, again=f"#{turn}" if turn >= 5 else "")
