"""Incidents as documents: atomic, idempotent, and not lost to a kill or to two writers."""

import json
import multiprocessing
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from intermodal.platform.errors import NotFound, SpecError, Unavailable
from intermodal.platform.ports.incidents import Entry, Incident
from intermodal.resources import outage_detection
from intermodal.resources.storage.addresses import at_address
from intermodal.resources.storage.incidents import JsonIncidents

ONE = Incident("m-aws-100", "m", "aws", 100.5)


@pytest.fixture
def store(tmp_path: Path) -> JsonIncidents:
    return JsonIncidents(address=str(tmp_path / "incidents"))


def test_an_incident_from_open_to_closed(store: JsonIncidents) -> None:
    assert store.all() == []
    assert store.get(ONE.id) is None
    assert store.open(ONE) == ONE
    noted = store.note(ONE.id, Entry(101.0, "drained", "0", "no traffic | to aws\nnone"))
    assert store.get(ONE.id) == noted
    assert store.all(open_only=True) == [noted]
    closed = store.close(ONE.id, 200.0)
    assert closed.closed_at == 200.0
    assert store.all(open_only=True) == []
    assert store.all() == [closed]
    assert store.get(ONE.id) == closed


def test_everything_may_be_repeated(store: JsonIncidents) -> None:
    store.open(ONE)
    first = store.note(ONE.id, Entry(101.0, "told", "down", "x"))
    assert store.open(ONE) == first
    assert store.note(ONE.id, Entry(999.0, "told", "down", "y")) == first
    closed = store.close(ONE.id, 200.0)
    assert store.close(ONE.id, 300.0) == closed
    assert store.open(ONE) == closed
    assert store.note(ONE.id, Entry(400.0, "note", "late", "z")).closed_at == 200.0
    assert store.all(open_only=True) == []


def test_oldest_first_and_one_models_only(store: JsonIncidents) -> None:
    for incident in (
        Incident("m_two-gcp-300", "m_two", "gcp", 300),
        ONE,
        Incident("m-azure-50", "m", "azure", 50),
        Incident("m-x-gcp-50", "m-x", "gcp", 50),
    ):
        store.open(incident)
    assert [one.id for one in store.all("m")] == ["m-azure-50", "m-aws-100"]
    assert [one.opened_at for one in store.all()] == [50, 50, 100.5, 300]


def test_killed_while_closing_it_is_closed(store: JsonIncidents) -> None:
    store.open(ONE)
    document = Path(store.address, "open", f"{ONE.id}.json")
    before = document.read_text()
    store.close(ONE.id, 200.0)
    document.write_text(before)
    assert store.all(open_only=True) == []
    assert not store.get(ONE.id).is_open  # type: ignore[union-attr]
    assert len(store.all()) == 1
    assert store.close(ONE.id, 300.0).closed_at == 200.0
    assert not document.exists()


def test_killed_while_writing_the_old_one_stands(store: JsonIncidents) -> None:
    store.open(ONE)
    Path(store.address, "open", f".{ONE.id}.json.abc").write_text("{half")
    assert store.all() == [ONE]


def test_a_damaged_document_hides_no_other(store: JsonIncidents, caplog: pytest.LogCaptureFixture) -> None:
    store.open(ONE)
    Path(store.address, "open", "m-gcp-1.json").write_text(json.dumps({"id": "m-gcp-1"}))
    assert store.all(open_only=True) == [ONE]
    assert "m-gcp-1.json cannot be read" in caplog.text


def test_what_is_not_there_and_what_is_no_id(store: JsonIncidents) -> None:
    with pytest.raises(NotFound, match="m-aws-1"):
        store.note("m-aws-1", Entry(1.0, "note", "a", "b"))
    for id in ("", "../x", "a/b", ".hidden"):
        with pytest.raises(SpecError):
            store.get(id)


def _note_many(address: str, writer: int) -> None:
    for number in range(25):
        JsonIncidents(address=address).note(ONE.id, Entry(1.0, "note", f"{writer}-{number}", ""))


def test_two_writers_lose_nothing(store: JsonIncidents) -> None:
    store.open(ONE)
    fork = multiprocessing.get_context("spawn")
    writers = [fork.Process(target=_note_many, args=(store.address, number)) for number in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    assert len(store.get(ONE.id).entries) == 50  # type: ignore[union-attr]


def test_it_works_in_a_bucket() -> None:
    store = JsonIncidents(address="memory://incidents-test")
    store.open(ONE)
    store.note(ONE.id, Entry(1.0, "note", "a", "b"))
    assert [len(one.entries) for one in store.all(open_only=True)] == [1]
    store.close(ONE.id, 2.0)
    assert store.all(open_only=True) == []


@pytest.mark.parametrize("kind", ["memory://", "file://", ""])
def test_a_place_that_nobody_wrote_to_has_no_incident(kind: str, tmp_path: Path) -> None:
    store = JsonIncidents(address=f"{kind}{tmp_path}/nobody")
    assert store.all() == []
    assert store.all(open_only=True) == []
    assert store.get(ONE.id) is None


def test_what_others_write_meanwhile_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """s3fs keeps each listing in which there was something; whoever writes from another process cannot change it."""
    real = MemoryFileSystem.ls

    def ls(self: MemoryFileSystem, path: str, detail: bool = True, **more: Any) -> Any:
        if known := self.dircache.get((path, detail)):
            return known
        self.dircache[path, detail] = found = real(self, path, detail, **more)
        return found

    monkeypatch.setattr(MemoryFileSystem, "ls", ls)
    store = JsonIncidents(address="memory://incidents-of-others")
    store.open(ONE)
    assert [one.id for one in store.all(open_only=True)] == [ONE.id]
    store.open(Incident("m-gcp-200", "m", "gcp", 200))
    assert [one.id for one in store.all(open_only=True)] == [ONE.id, "m-gcp-200"]


@pytest.mark.parametrize("failure", [PermissionError("403"), Exception("Could not connect to the endpoint URL")])
def test_a_store_that_does_not_answer_is_not_one_without_incidents(
    monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    def fails(*_: Any, **__: Any) -> Any:
        raise failure

    store = JsonIncidents(address="memory://incidents-away")
    store.open(ONE)
    for call in ("ls", "info", "_open"):
        monkeypatch.setattr(MemoryFileSystem, call, fails)
    for ask in (store.all, lambda: store.get(ONE.id), lambda: store.close(ONE.id, 200.0)):
        with pytest.raises(Unavailable, match=r"incidents-away cannot be reached.*INTERMODAL_INCIDENTS"):
            ask()


def test_the_watch_reads_its_settings() -> None:
    assert outage_detection.from_environment({}).policy == outage_detection.DEFAULT
    found = outage_detection.from_environment(
        {
            "INTERMODAL_WATCHERS": "gateway, endpoint",
            "INTERMODAL_WATCH_QUORUM": "any",
            "INTERMODAL_WATCH_DOWN_SECONDS": "7.5",
        }
    ).policy
    assert (found.watchers, found.quorum, found.down_seconds) == (("gateway", "endpoint"), "any", 7.5)
    with pytest.raises(SpecError, match="INTERMODAL_WATCH"):
        outage_detection.from_environment({"INTERMODAL_WATCH_DOWN_SECONDS": "soon"})
    with pytest.raises(SpecError):
        outage_detection.from_environment({"INTERMODAL_WATCHERS": "moon"})


def test_what_could_not_be_written_leaves_nothing_behind(store: JsonIncidents, monkeypatch: pytest.MonkeyPatch) -> None:
    store.open(ONE)

    def full(path: Any, *_: Any, **__: Any) -> None:
        path.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(at_address(store.address)), "write_text", full)
    with pytest.raises(Unavailable, match="No space left"):
        store.note(ONE.id, Entry(101.0, "drained", "0", "no traffic to aws"))
    monkeypatch.undo()
    assert store.all() == [ONE]
    assert [path.name for path in Path(store.address).rglob("*") if path.is_file() and path.name != ".lock"] == [
        f"{ONE.id}.json"
    ]
