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
from intermodal.sandbox.local import demo
from intermodal.sandbox.local.demo import DEMO, Story, play
from intermodal.sandbox.local.replay import Callers, Sent
from intermodal.sandbox.settings import Ports, Settings
from tests.memory import MemoryGateway, MemoryIncidents, MemoryStore, MemoryTarget
from tests.targets import AWS, AZURE, GCP, TARGETS

BEGIN = 1_700_000_000.0
SETTINGS = Settings(home=Path("nowhere"), ports=Ports(ui=1901))
INCIDENT = f"{DEMO}-aws.sagemaker-1700000000"


class Clock:
    """Time that passes only by sleeping, and what happens by then."""

    def __init__(self) -> None:
        self.now, self.script = BEGIN, list[tuple[float, Callable[[], Any]]]()

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        due = [act for due_at, act in self.script if due_at <= self.now]
        self.script = [later for later in self.script if later[0] > self.now]
        for act in due:
            act()

    def after(self, seconds: float, act: Callable[[], Any]) -> None:
        self.script.append((self.now + seconds, act))


class Scene:
    """A story whose clouds, drift and callers do what a test wants. ``printed`` has its texts in order."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.clock, self.printed, self.measured = Clock(), list[str](), dict[str, Any]()
        self.gateway = MemoryGateway([MemoryTarget(target, MemoryStore(target.site)) for target in TARGETS])
        self.incidents, self.answered = MemoryIncidents(), Counter({str(AWS): 1})
        self.routed("1.0.0")
        callers: Any = SimpleNamespace(targets=lambda _: self.answered)
        self.story = Story(SETTINGS, self.gateway, self.incidents, self.printed.append, callers)
        patch.setattr(demo, "time", self.clock)
        patch.setattr(demo.httpx, "post", lambda *_, **__: SimpleNamespace(raise_for_status=lambda: None))
        patch.setattr(Story, "_latest", lambda *_: self.measured)
        patch.setattr(demo.clouds, "outage", lambda _, scope: self.killed(scope))
        patch.setattr(demo.clouds, "restore", lambda _, scope: self.restored(scope))

    def routed(self, version: str) -> None:
        self.gateway.routes[DEMO] = Route(DEMO, version, {AWS: 1, GCP: 1, AZURE: 1}, {}, "{}")
        self.gateway.held[DEMO] = dict.fromkeys(TARGETS)  # type: ignore[assignment]

    def drift(self, version: str, state: str) -> None:
        self.measured = {"version": version, "state": state, "at": self.clock.now}

    def killed(self, scope: str) -> None:
        """Drained after 1 s, an incident after 2 s, contained after 12 s."""
        assert scope == "aws"
        killed_at, target = self.clock.now, self.gateway.targets[AWS]
        self.clock.after(1, lambda: setattr(target, "gone", True))
        self.clock.after(2, lambda: self.incidents.open(Incident(INCIDENT, DEMO, AWS, killed_at)))
        self.clock.after(2, lambda: self.incidents.note(INCIDENT, Entry(killed_at + 2, "detected", "0", "aws is out")))
        self.clock.after(12, lambda: self.incidents.note(INCIDENT, Entry(killed_at + 12, "capacity", "0", "on gcp")))

    def restored(self, scope: str) -> None:
        assert scope == "aws"
        restored_at = self.clock.now
        self.clock.after(8, lambda: self.incidents.close(INCIDENT, restored_at + 8))


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(monkeypatch)


def test_drift_reactions_are_kept_with_their_delays_in_order(scene: Scene) -> None:
    scene.drift("1.0.0", "none")  # of the months before
    scene.clock.after(30, lambda: scene.drift("1.0.0", "drifted"))
    scene.clock.after(50, lambda: scene.routed("1.1.0"))
    scene.clock.after(55, lambda: scene.drift("1.1.0", "too few rows"))
    scene.clock.after(60, lambda: scene.drift("1.0.0", "none"))  # says nothing of the new one
    scene.clock.after(90, lambda: scene.drift("1.1.0", "none"))
    scene.story._drift("1.0.0")
    assert list(scene.story.late) == [
        "July's first request → drift found",
        "drift found → retrained version on all targets",
        "retrained version routed → seen to be without drift",
    ]
    assert list(scene.story.late.values()) == pytest.approx([30, 20, 40], abs=0.2)
    assert scene.printed == ["drift was found in the requests of 1.0.0", "1.1.0 answers on all targets"]


@pytest.mark.parametrize(
    ("last", "missing", "waited"),
    [
        (("1.0.0", "none"), "Not within 180 s: drift is found.", 180),
        (("1.0.0", "drifted"), "Not within 300 s: a retrained version is routed.", 300),
        (("1.1.0", "drifted"), "Not within 240 s: the retrained version is without drift.", 10 + 240),
    ],
)
def test_drift_reaction_that_does_not_come_is_named(
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


def test_outage_reactions_are_kept_with_their_delays(scene: Scene) -> None:
    scene.story._outage()
    assert scene.story.late == pytest.approx(
        {
            "aws killed → drained at the gateway": 1,
            "aws killed → incident opened": 2,
            "aws killed → capacity restored on another target": 12,
            "aws back → current version, its share, incident closed": 8,
        },
        abs=0.2,
    )
    assert scene.printed == ["aws is killed: API, storage and endpoints", "aws is back"]


@pytest.mark.parametrize(
    ("never", "missing"),
    [
        ("drained", "Not within 30 s: the gateway drains it."),
        ("capacity", "Not within 120 s: the incident's step 'capacity'."),
        ("closed", "Not within 180 s: the incident's step 'closed'."),
        ("answers", "Not within 30 s: aws answers again."),
    ],
)
def test_outage_reaction_that_does_not_come_is_named(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, never: str, missing: str
) -> None:
    if never == "drained":
        monkeypatch.setattr(scene, "killed", lambda _: None)
    if never == "capacity":
        monkeypatch.setattr(scene.incidents, "note", lambda *_: None)
    if never == "closed":
        monkeypatch.setattr(scene.incidents, "close", lambda *_: None)
    if never == "answers":
        scene.answered = Counter({str(GCP): 9})
    with pytest.raises(IntermodalError, match=missing):
        scene.story._outage()


def test_outage_with_an_earlier_incident_ignores_it(scene: Scene) -> None:
    entry = Entry(BEGIN - 50, "capacity", "0", "on gcp")
    scene.incidents.open(Incident("old", DEMO, AWS, BEGIN - 60, (entry,), BEGIN - 10))
    scene.story._outage()
    assert scene.story.late["aws killed → capacity restored on another target"] == pytest.approx(12, abs=0.2)


def outcome_of(monkeypatch: pytest.MonkeyPatch, story: Callable[[Story], None], printed: list[str]) -> demo.Outcome:
    monkeypatch.setattr(Story, "play", story)
    monkeypatch.setattr(Story, "page", lambda _: "# A day")
    return play(SETTINGS, MemoryGateway([]), MemoryIncidents(), printed.append)


def test_play_counts_every_answer_but_200_as_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    def played(story: Story) -> None:
        story.callers.sent += [Sent(BEGIN, 0.1, status, str(AWS), "1.0.0") for status in (200, 200, 429, 503, 0)]
        story.late["aws killed → drained at the gateway"] = 1.0

    found = outcome_of(monkeypatch, played, [])
    assert found == demo.Outcome("# A day", {"aws killed → drained at the gateway": 1.0}, 5, 3, "")


def test_play_with_a_missing_reaction_still_gives_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    def played(story: Story) -> None:
        story.callers.sent.append(Sent(BEGIN, 0.1, 200, str(AWS), "1.0.0"))
        raise IntermodalError("Not within 180 s: drift is found.")

    printed = list[str]()
    found = outcome_of(monkeypatch, played, printed)
    assert printed == [found.missing] == ["Not within 180 s: drift is found."]
    assert (found.page, found.requests, found.failed) == ("# A day", 1, 0)


def test_play_without_a_page_names_that_as_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_page(_: Story) -> str:
        raise IntermodalError("The webserver does not answer.")

    with monkeypatch.context() as patch:
        patch.setattr(Story, "play", lambda _: None)
        patch.setattr(Story, "page", no_page)
        found = play(SETTINGS, MemoryGateway([]), MemoryIncidents(), lambda _: None)
    assert (found.page, found.failed) == ("", 0)
    assert "no page of what happened: The webserver does not answer." in found.missing


def test_note_that_is_refused_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any, **__: Any) -> Any:
        raise httpx.ConnectError("refused")

    monkeypatch.setattr(demo.httpx, "post", refused)
    with pytest.raises(IntermodalError, match="keeps no note"):
        Story(SETTINGS, MemoryGateway([]), MemoryIncidents(), lambda _: None, Callers("", 1)).note("aws is back")


def test_play_is_three_quiet_months_then_drift_and_an_outage(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done = list[str]()

    class Recorded(Callers):
        def play(self, bodies: Any) -> None:
            done.append(f"{bodies} is played")

        @contextmanager
        def playing(self, bodies: Any) -> Iterator[None]:
            done.append(f"{bodies} begins")
            yield
            done.append("callers end")

    story = Story(SETTINGS, MemoryGateway([]), MemoryIncidents(), lambda _: None, Recorded("", 1))
    for name in ("note", "_version"):
        monkeypatch.setattr(story, name, lambda *_: "1.0.0")
    for name in ("_bodies", "_month_after_month"):
        monkeypatch.setattr(story, name, lambda month: month[:7])
    monkeypatch.setattr(story, "_rows", lambda month: done.append(f"{month[:7]} lands"))
    monkeypatch.setattr(story, "_drift", lambda first: done.append(f"{first} drifts"))
    monkeypatch.setattr(story, "_outage", lambda: done.append("aws is out"))
    story.play()
    quiet = [f"2013-0{month} {what}" for month in (4, 5, 6) for what in ("is played", "lands")]
    assert done == [*quiet, "2013-07 lands", "2013-07 begins", "1.0.0 drifts", "aws is out", "callers end"]


def test_note_is_kept_on_the_timeline_of_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    posted, printed = list[tuple[str, Any]](), list[str]()

    def post(url: str, json: Any, **_: Any) -> Any:
        posted.append((url, json))
        return SimpleNamespace(raise_for_status=lambda: None)

    monkeypatch.setattr(demo.httpx, "post", post)
    Story(SETTINGS, MemoryGateway([]), MemoryIncidents(), printed.append, Callers("", 1)).note("aws is back")
    where = f"http://127.0.0.1:1901/report_asset_observation/{DEMO}/timeline"
    assert (printed, posted) == (["aws is back"], [(where, {"metadata": {"note": "aws is back"}})])
