"""Incidents as documents: atomic in folders and buckets, idempotent, and not lost to a kill or to two writers."""

import json
import multiprocessing
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from intermodal.platform.errors import SpecError, Unavailable
from intermodal.platform.ports.incidents import Entry
from intermodal.resources import outage_detection
from intermodal.resources.storage.addresses import at_address
from intermodal.resources.storage.incidents import JsonIncidents, documents
from tests.conformance.incidents import ONE, IncidentsConformance, incident
from tests.emulators import Emulator, azurite, moto
from tests.targets import AWS_EU, GCP

__all__ = ["azurite", "moto"]


@pytest.fixture
def store(tmp_path: Path) -> JsonIncidents:
    return JsonIncidents(address=str(tmp_path / "incidents"))


class TestFolder(IncidentsConformance):
    @pytest.fixture
    def incidents(self, store: JsonIncidents) -> JsonIncidents:
        return store


@pytest.fixture
def s3_address(moto: Emulator, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in (
        ("AWS_ENDPOINT_URL", moto.url),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
    ):
        monkeypatch.setenv(name, value)
    return f"s3://{moto.bucket}/incidents-{uuid.uuid4().hex}"


class TestS3(IncidentsConformance):
    @pytest.fixture
    def incidents(self, s3_address: str) -> JsonIncidents:
        return JsonIncidents(address=s3_address)

    def test_missing_bucket_is_unavailable(self, s3_address: str) -> None:
        assert s3_address
        nowhere = JsonIncidents(address="s3://no-such-bucket/incidents")
        for call in (nowhere.all, lambda: nowhere.get(ONE.id), lambda: nowhere.open(ONE)):
            with pytest.raises(Unavailable, match="no-such-bucket"):
                call()


def test_documents_of_a_bucket_are_replaced_by_version(s3_address: str) -> None:
    kept = documents(s3_address)
    assert kept.read("open/a.json") is None
    assert kept.create("open/a.json", "1")
    assert not kept.create("open/a.json", "2")
    first = kept.read("open/a.json")
    assert first is not None
    assert kept.replace("open/a.json", "2", first.version)
    assert not kept.replace("open/a.json", "3", first.version)
    second = kept.read("open/a.json")
    assert second is not None
    assert second.text == "2"
    kept.delete("open/a.json")
    kept.delete("open/a.json")
    assert not kept.replace("open/a.json", "4", second.version)
    assert kept.read("open/a.json") is None
    assert list(kept.names("open")) == []


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


class Killed(BaseException):
    pass


class Killing:
    """Documents whose ``fatal_call``-th call dies, before or after it took effect."""

    def __init__(self, kept: Any, fatal_call: int, after: bool) -> None:
        self.kept, self.fatal_call, self.after, self.calls = kept, fatal_call, after, 0

    def __getattr__(self, name: str) -> Any:
        def call(*args: Any) -> Any:
            self.calls += 1
            if self.calls == self.fatal_call and not self.after:
                raise Killed
            result = getattr(self.kept, name)(*args)
            if self.calls == self.fatal_call:
                raise Killed
            return result

        return call


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("fatal_call", range(1, 7))
def test_close_killed_at_any_step_is_finished_by_the_next_writer(
    store: JsonIncidents, fatal_call: int, after: bool
) -> None:
    store.open(ONE)
    killed = JsonIncidents(address=store.address)
    killed.__dict__["_documents"] = Killing(documents(store.address), fatal_call, after)
    with suppress(Killed):
        killed.close(ONE.id, 200.0)
    noted = store.note(ONE.id, Entry(1.0, "note", "a", "b"))
    closed = store.close(ONE.id, 300.0)
    assert closed.closed_at == (300.0 if noted.is_open else 200.0)
    assert closed.has("note", "a")
    assert store.all() == [closed]
    assert store.all(open_only=True) == []
    assert not list(Path(store.address, "open").glob("*"))


def test_killed_while_writing_the_old_document_stands(store: JsonIncidents) -> None:
    store.open(ONE)
    Path(store.address, "open", f".{ONE.id}.json.abc").write_text("{half")
    assert store.all() == [ONE]


def test_document_of_a_bucket_that_is_no_text_is_read_and_replaced(s3_address: str) -> None:
    bucket = urlsplit(s3_address)
    key = f"{bucket.path.strip('/')}/open/a.json"
    boto3.session.Session().client("s3").put_object(Bucket=bucket.netloc, Key=key, Body=b"\xff{}")
    kept = documents(s3_address)
    found = kept.read("open/a.json")
    assert found is not None
    assert found.text == "\ufffd{}"
    assert kept.replace("open/a.json", "2", found.version)


@pytest.mark.parametrize(
    "damaged",
    [
        b'{"id": "m-gcp-1"}',
        b"\xff\xfe\x00 no text at all",
        b'{"id": "m-gcp-1", "model": "m", "target": "gcp/cloud-run", "opened_at": null, "entries": []}',
    ],
)
def test_damaged_document_hides_no_other(
    store: JsonIncidents, damaged: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    store.open(ONE)
    Path(store.address, "open", "m-gcp-1.json").write_bytes(damaged)
    assert store.all(open_only=True) == [ONE]
    assert "m-gcp-1.json cannot be read" in caplog.text


def test_target_is_stored_as_text(store: JsonIncidents) -> None:
    regional = incident("m", AWS_EU, 1)
    store.open(regional)
    document = json.loads(Path(store.address, "open", f"{regional.id}.json").read_text())
    assert document["target"] == "aws/sagemaker@eu-west-1"


def test_entry_of_an_earlier_release_has_its_time(store: JsonIncidents) -> None:
    store.open(ONE)
    store.note(ONE.id, Entry(2.5, "detected", "0", "out"))
    path = Path(store.address, "open", f"{ONE.id}.json")
    path.write_text(path.read_text().replace('"time"', '"at"'))
    assert store.note(ONE.id, Entry(3.0, "drained", "0", "no traffic")).entries[0].time == 2.5
    assert '"at"' not in path.read_text()


@pytest.mark.parametrize("id", ["", "../x", "a/b", ".hidden"])
def test_id_that_is_none_is_refused(store: JsonIncidents, id: str) -> None:
    with pytest.raises(SpecError):
        store.get(id)


def _note_many(address: str, writer: int) -> None:
    for number in range(25):
        JsonIncidents(address=address).note(ONE.id, Entry(1.0, "note", f"{writer}-{number}", ""))


@pytest.mark.parametrize("kind", ["folder", "bucket"])
def test_two_processes_lose_no_entry(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    address = request.getfixturevalue("s3_address") if kind == "bucket" else str(tmp_path)
    store = JsonIncidents(address=address)
    store.open(ONE)
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=_note_many, args=(address, number)) for number in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    assert len(store.get(ONE.id).entries) == 50  # type: ignore[union-attr]


def test_incidents_in_a_file_system_of_fsspec() -> None:
    store = JsonIncidents(address="memory://incidents-test")
    store.open(ONE)
    store.note(ONE.id, Entry(1.0, "note", "a", "b"))
    assert [len(incident.entries) for incident in store.all(open_only=True)] == [1]
    store.close(ONE.id, 2.0)
    assert store.all(open_only=True) == []


@pytest.mark.parametrize("kind", ["memory://", "file://", ""])
def test_address_that_was_never_written_has_no_incident(kind: str, tmp_path: Path) -> None:
    store = JsonIncidents(address=f"{kind}{tmp_path}/empty")
    assert store.all() == []
    assert store.all(open_only=True) == []
    assert store.get(ONE.id) is None


def test_documents_of_other_processes_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """s3fs keeps each listing in which there was something; another process cannot change it."""
    real = MemoryFileSystem.ls

    def ls(self: MemoryFileSystem, path: str, detail: bool = True, **more: Any) -> Any:
        if known := self.dircache.get((path, detail)):
            return known
        self.dircache[path, detail] = found = real(self, path, detail, **more)
        return found

    monkeypatch.setattr(MemoryFileSystem, "ls", ls)
    store = JsonIncidents(address="memory://incidents-of-others")
    store.open(ONE)
    assert [incident.id for incident in store.all(open_only=True)] == [ONE.id]
    later = incident("m", GCP, 200)
    store.open(later)
    assert [incident.id for incident in store.all(open_only=True)] == [ONE.id, later.id]


@pytest.mark.parametrize("failure", [PermissionError("403"), Exception("Could not connect to the endpoint URL")])
def test_store_that_does_not_answer_is_unavailable(monkeypatch: pytest.MonkeyPatch, failure: Exception) -> None:
    def fails(*_: Any, **__: Any) -> Any:
        raise failure

    store = JsonIncidents(address="memory://incidents-unreachable")
    store.open(ONE)
    for call in ("ls", "info", "_open"):
        monkeypatch.setattr(MemoryFileSystem, call, fails)
    for call in (store.all, lambda: store.get(ONE.id), lambda: store.close(ONE.id, 200.0)):
        with pytest.raises(Unavailable, match=r"incidents-unreachable cannot be reached.*INTERMODAL_INCIDENTS"):
            call()


def test_watch_reads_its_settings() -> None:
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


def test_failed_write_leaves_nothing_behind(store: JsonIncidents, monkeypatch: pytest.MonkeyPatch) -> None:
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


class TestAzure(IncidentsConformance):
    @pytest.fixture
    def incidents(self, azurite: Emulator, monkeypatch: pytest.MonkeyPatch) -> JsonIncidents:
        from tests.emulators import AZURE_ACCOUNT, AZURE_KEY

        monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", AZURE_ACCOUNT)
        monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", AZURE_KEY)
        monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", azurite.url)
        return JsonIncidents(address=f"az://{azurite.bucket}/incidents-{uuid.uuid4().hex}")
