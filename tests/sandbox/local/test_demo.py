"""What the demo says of how it went: each reaction and how late it was, and the one that did not come."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from intermodal.platform.errors import IntermodalError
from intermodal.platform.ports.gateway import Route
from intermodal.platform.ports.incidents import Entry, Incident
from intermodal.platform.targets import TARGETS
from intermodal.sandbox.local import demo
from intermodal.sandbox.local.demo import DEMO, Story, play
from intermodal.sandbox.local.replay import Callers, Sent
from intermodal.sandbox.settings import Ports, Settings
from tests.memory import MemoryGateway, MemoryIncidents, MemoryStore, MemoryTarget

BEGIN = 1_700_000_000.0
SETTINGS = Settings(home=Path("nowhere"), ports=Ports(ui=1901))
INCIDENT = f"{DEMO}-aws-1700000000"


class Clock:
    """Time that passes only by sleeping, and what happens by then."""

    def __init__(self) -> None:
        self.now, self.script = BEGIN, list[tuple[float, Callable[[], Any]]]()

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        due = [act for at, act in self.script if at <= self.now]
        self.script = [one for one in self.script if one[0] > self.now]
        for act in due:
            act()

    def after(self, seconds: float, act: Callable[[], Any]) -> None:
        self.script.append((self.now + seconds, act))


class Scene:
    """A story whose clouds, drift and callers do what a test wants; ``said`` is all that it told, in order."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.clock, self.said, self.measured = Clock(), list[str](), dict[str, Any]()
        self.gateway = MemoryGateway([MemoryTarget(target, MemoryStore(target.cloud)) for target in TARGETS])
        self.incidents, self.answered = MemoryIncidents(), Counter(aws=1)
        self.routed("1.0.0")
        callers: Any = SimpleNamespace(clouds=lambda _: self.answered)
        self.story = Story(SETTINGS, self.gateway, self.incidents, self.said.append, callers)
        patch.setattr(demo, "time", self.clock)
        patch.setattr(demo.httpx, "post", lambda *_, **__: SimpleNamespace(raise_for_status=lambda: None))
        patch.setattr(Story, "_latest", lambda *_: self.measured)
        patch.setattr(demo.clouds, "outage", lambda _, cloud: self.killed(cloud))
        patch.setattr(demo.clouds, "restore", lambda _, cloud: self.restored(cloud))

    def routed(self, version: str) -> None:
        self.gateway.routes[DEMO] = Route(DEMO, version, {"aws": 1, "gcp": 1, "azure": 1}, {}, "{}")
        self.gateway.held[DEMO] = dict.fromkeys(("aws", "gcp", "azure"))  # type: ignore[assignment]

    def drift(self, version: str, state: str) -> None:
        self.measured = {"version": version, "state": state, "at": self.clock.now}

    def killed(self, cloud: str) -> None:
        """Drained after 1 s, an incident after 2 s, contained after 12 s."""
        assert cloud == "aws"
        at, target = self.clock.now, self.gateway.targets["aws"]
        self.clock.after(1, lambda: setattr(target, "gone", True))
        self.clock.after(2, lambda: self.incidents.open(Incident(INCIDENT, DEMO, "aws", at)))
        self.clock.after(2, lambda: self.incidents.note(INCIDENT, Entry(at + 2, "detected", "0", "aws is out")))
        self.clock.after(12, lambda: self.incidents.note(INCIDENT, Entry(at + 12, "capacity", "0", "on gcp")))

    def restored(self, cloud: str) -> None:
        assert cloud == "aws"
        at = self.clock.now
        self.clock.after(8, lambda: self.incidents.close(INCIDENT, at + 8))


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(monkeypatch)


def test_how_late_each_reaction_to_drift_was_is_kept_in_their_order(scene: Scene) -> None:
    scene.drift("1.0.0", "none")  # of the months before
    scene.clock.after(30, lambda: scene.drift("1.0.0", "drifted"))
    scene.clock.after(50, lambda: scene.routed("1.1.0"))
    scene.clock.after(55, lambda: scene.drift("1.1.0", "too few rows"))
    scene.clock.after(60, lambda: scene.drift("1.0.0", "none"))  # says nothing of the new one
    scene.clock.after(90, lambda: scene.drift("1.1.0", "none"))
    scene.story._drift("1.0.0")
    assert list(scene.story.late) == [
        "July's first request → drift found",
        "drift found → retrained version on all clouds",
        "retrained version routed → seen to be without drift",
    ]
    assert list(scene.story.late.values()) == pytest.approx([30, 20, 40], abs=0.2)
    assert scene.said == ["drift was found in what 1.0.0 is asked", "1.1.0 answers on all clouds"]


@pytest.mark.parametrize(
    ("last", "missing", "waited"),
    [
        (("1.0.0", "none"), "Not within 180 s: drift is found.", 180),
        (("1.0.0", "drifted"), "Not within 300 s: a retrained version is routed.", 300),
        (("1.1.0", "drifted"), "Not within 240 s: the retrained version is without drift.", 10 + 240),
    ],
)
def test_a_reaction_to_drift_that_does_not_come_is_named(
    scene: Scene, last: tuple[str, str], missing: str, waited: float
) -> None:
    if last[0] == "1.1.0":
        scene.drift("1.0.0", "drifted")
        scene.clock.after(10, lambda: scene.routed("1.1.0"))
        scene.clock.after(20, lambda: scene.drift(*last))
    else:
        scene.drift(*last)
    with pytest.raises(IntermodalError) as error:
        scene.story._drift("1.0.0")
    assert str(error.value).startswith(missing)
    assert "port 1901" in str(error.value)
    assert scene.clock.now == pytest.approx(BEGIN + waited, abs=0.2)


def test_how_late_each_reaction_to_the_outage_was_is_kept(scene: Scene) -> None:
    scene.story._outage()
    assert scene.story.late == pytest.approx(
        {
            "aws killed → drained at the gateway": 1,
            "aws killed → incident opened": 2,
            "aws killed → capacity restored on another cloud": 12,
            "aws back → current version, its share, incident closed": 8,
        },
        abs=0.2,
    )
    assert scene.said == ["aws is killed: API, storage and endpoints", "aws is back"]


@pytest.mark.parametrize(
    ("never", "missing"),
    [
        ("drained", "Not within 30 s: the gateway drains it."),
        ("capacity", "Not within 120 s: the incident's step 'capacity'."),
        ("closed", "Not within 180 s: the incident's step 'closed'."),
        ("answers", "Not within 30 s: aws answers again."),
    ],
)
def test_a_reaction_to_the_outage_that_does_not_come_is_named(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, never: str, missing: str
) -> None:
    if never == "drained":
        monkeypatch.setattr(scene, "killed", lambda _: None)
    if never == "capacity":
        monkeypatch.setattr(scene.incidents, "note", lambda *_: None)
    if never == "closed":
        monkeypatch.setattr(scene.incidents, "close", lambda *_: None)
    if never == "answers":
        scene.answered = Counter(gcp=9)
    with pytest.raises(IntermodalError, match=missing):
        scene.story._outage()


def test_an_incident_of_before_is_not_the_demos(scene: Scene) -> None:
    entry = Entry(BEGIN - 50, "capacity", "0", "on gcp")
    scene.incidents.open(Incident("old", DEMO, "aws", BEGIN - 60, (entry,), BEGIN - 10))
    scene.story._outage()
    assert scene.story.late["aws killed → capacity restored on another cloud"] == pytest.approx(12, abs=0.2)


def told(monkeypatch: pytest.MonkeyPatch, tell: Callable[[Story], None], said: list[str]) -> demo.Told:
    monkeypatch.setattr(Story, "tell", tell)
    monkeypatch.setattr(Story, "page", lambda _: "# A day")
    return play(SETTINGS, MemoryGateway([]), MemoryIncidents(), said.append)


def test_every_answer_but_200_is_a_failed_request(monkeypatch: pytest.MonkeyPatch) -> None:
    def tell(story: Story) -> None:
        story.callers.sent += [Sent(BEGIN, 0.1, status, "aws", "1.0.0") for status in (200, 200, 429, 503, 0)]
        story.late["aws killed → drained at the gateway"] = 1.0

    found = told(monkeypatch, tell, [])
    assert found == demo.Told("# A day", {"aws killed → drained at the gateway": 1.0}, 5, 3, "")


def test_what_is_missing_is_said_and_the_rest_is_told_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def tell(story: Story) -> None:
        story.callers.sent.append(Sent(BEGIN, 0.1, 200, "aws", "1.0.0"))
        raise IntermodalError("Not within 180 s: drift is found.")

    said = list[str]()
    found = told(monkeypatch, tell, said)
    assert said == [found.missing] == ["Not within 180 s: drift is found."]
    assert (found.page, found.requests, found.failed) == ("# A day", 1, 0)


def test_without_a_page_of_what_happened_the_rest_is_told_and_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_page(_: Story) -> str:
        raise IntermodalError("The webserver does not answer.")

    with monkeypatch.context() as patch:
        patch.setattr(Story, "tell", lambda _: None)
        patch.setattr(Story, "page", no_page)
        found = play(SETTINGS, MemoryGateway([]), MemoryIncidents(), lambda _: None)
    assert (found.page, found.failed) == ("", 0)
    assert "no page of what happened: The webserver does not answer." in found.missing


def test_a_note_that_nobody_keeps_ends_the_story_and_not_the_telling(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any, **__: Any) -> Any:
        raise httpx.ConnectError("refused")

    monkeypatch.setattr(demo.httpx, "post", refused)
    with pytest.raises(IntermodalError, match="keeps no note"):
        Story(SETTINGS, MemoryGateway([]), MemoryIncidents(), lambda _: None, Callers("", 1)).note("aws is back")


def test_the_story_is_three_quiet_months_then_drift_and_an_outage_while_callers_ask(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done = list[str]()

    class Recorded(Callers):
        def play(self, bodies: Any) -> None:
            done.append(f"{bodies} ask")

        @contextmanager
        def playing(self, bodies: Any) -> Iterator[None]:
            done.append(f"{bodies} begin to ask")
            yield
            done.append("they end")

    story = Story(SETTINGS, MemoryGateway([]), MemoryIncidents(), lambda _: None, Recorded("", 1))
    for name in ("note", "_version"):
        monkeypatch.setattr(story, name, lambda *_: "1.0.0")
    for name in ("_bodies", "_month_after_month"):
        monkeypatch.setattr(story, name, lambda month: month[:7])
    monkeypatch.setattr(story, "_rows", lambda month: done.append(f"{month[:7]} lands"))
    monkeypatch.setattr(story, "_drift", lambda first: done.append(f"{first} drifts"))
    monkeypatch.setattr(story, "_outage", lambda: done.append("aws is out"))
    story.tell()
    quiet = [f"2013-0{month} {what}" for month in (4, 5, 6) for what in ("ask", "lands")]
    assert done == [*quiet, "2013-07 lands", "2013-07 begin to ask", "1.0.0 drifts", "aws is out", "they end"]


def test_what_is_said_is_kept_on_the_models_timeline(monkeypatch: pytest.MonkeyPatch) -> None:
    posted, said = list[tuple[str, Any]](), list[str]()

    def post(url: str, json: Any, **_: Any) -> Any:
        posted.append((url, json))
        return SimpleNamespace(raise_for_status=lambda: None)

    monkeypatch.setattr(demo.httpx, "post", post)
    Story(SETTINGS, MemoryGateway([]), MemoryIncidents(), said.append, Callers("", 1)).note("aws is back")
    where = f"http://127.0.0.1:1901/report_asset_observation/{DEMO}/timeline"
    assert (said, posted) == (["aws is back"], [(where, {"metadata": {"note": "aws is back"}})])
