"""The notification log: people are notified once, also after a kill, and even when the log cannot be reached."""

import json
import logging
import multiprocessing
import uuid
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from intermodal.assets import ports
from intermodal.platform.ports.notifications import Notice
from intermodal.resources.environment import resources
from intermodal.resources.storage import notification_log
from intermodal.resources.storage.documents import Folder
from intermodal.resources.storage.incidents import JsonIncidents
from intermodal.resources.storage.notification_log import RETENTION_SECONDS, NotificationLog
from tests.conformance.incidents import ONE
from tests.conformance.notifications import PAGE, Make, NotificationsConformance, People
from tests.emulators import moto
from tests.resources.storage.test_incidents import s3_address

__all__ = ["moto", "s3_address"]


def log_at(address: str) -> Make:
    return lambda notifier: NotificationLog(address=address, notifier=notifier)


class TestFolder(NotificationsConformance):
    @pytest.fixture
    def make(self, tmp_path: Path) -> Make:
        return log_at(str(tmp_path))


class TestS3(NotificationsConformance):
    @pytest.fixture
    def make(self, s3_address: str) -> Make:
        return log_at(s3_address)

    def test_notice_without_its_bucket_is_sent(self, s3_address: str, caplog: pytest.LogCaptureFixture) -> None:
        assert s3_address
        people = People("chat")
        assert log_at("s3://no-such-bucket/incidents")(people).notify(PAGE) == "delivered"
        assert people.sent == [("chat", PAGE.key)]
        assert "is sent unrecorded" in caplog.text


@pytest.fixture
def make(tmp_path: Path) -> Make:
    return log_at(str(tmp_path))


def records(folder: Path) -> list[Path]:
    return sorted(folder.glob("notifications/*/*.json"))


class Killed(BaseException):
    pass


def test_log_as_a_resource_has_its_address_and_transport(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = list[str]()

    @dg.op(required_resource_keys={"notifications"})
    def notify(context: dg.OpExecutionContext) -> None:
        found.append(ports.notifications(context).notify(PAGE))

    @dg.job(resource_defs={"notifications": resources()["notifications"]})
    def job() -> None:
        notify()

    monkeypatch.delenv("INTERMODAL_NOTIFY", raising=False)
    monkeypatch.delenv("INTERMODAL_NOTIFY_PAGE", raising=False)
    monkeypatch.setenv("INTERMODAL_INCIDENTS", str(tmp_path))
    assert job.execute_in_process().success
    assert found == ["no recipient"]
    assert records(tmp_path) == []


def test_log_beside_incidents_is_no_incident(make: Make, tmp_path: Path) -> None:
    incidents = JsonIncidents(address=str(tmp_path))
    incidents.open(ONE)
    make(People("chat")).notify(PAGE)
    assert list(incidents.all()) == [ONE]


def test_record_has_the_key_and_the_recipients(make: Make, tmp_path: Path) -> None:
    make(People("b", "a")).notify(PAGE)
    (path,) = records(tmp_path)
    found = json.loads(path.read_text())
    assert (found["key"], found["recipients"], found["delivered"]) == (PAGE.key, ["a", "b"], True)


def test_notice_killed_between_send_and_record_is_sent_again(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: Any) -> None:
        raise Killed

    people = People("chat")
    with monkeypatch.context() as patch:
        patch.setattr(NotificationLog, "_record", killed)
        with pytest.raises(Killed):
            make(people).notify(PAGE)
    make(people).notify(PAGE)
    make(people).notify(PAGE)
    assert len(people.sent) == 2


def test_notice_killed_while_it_is_sent_is_sent_again(make: Make) -> None:
    class Dying(People):
        def send(self, *_: Any) -> Any:
            raise Killed

    with pytest.raises(Killed):
        make(Dying("chat")).notify(PAGE)
    people = People("chat")
    assert make(people).notify(PAGE) == "delivered"
    assert len(people.sent) == 1


@pytest.mark.parametrize("broken", ["read", "create"])
def test_notice_is_sent_when_the_store_fails(
    make: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, broken: str
) -> None:
    def fails(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    people = People("chat")
    with monkeypatch.context() as patch:
        patch.setattr(Folder, broken, fails)
        assert make(people).notify(PAGE) == "delivered"
    (entry,) = caplog.records
    assert entry.levelno == logging.ERROR
    assert "may be sent again: OSError: [Errno 28] No space left on device" in entry.getMessage()
    make(people).notify(PAGE)
    make(people).notify(PAGE)
    assert len(people.sent) == 2


def test_notice_is_recorded_when_old_records_cannot_be_listed(
    make: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: Any) -> None:
        raise PermissionError("ListBucket")

    people = People("chat")
    with monkeypatch.context() as patch:
        patch.setattr(Folder, "names", fails)
        make(people).notify(PAGE)
    make(people).notify(PAGE)
    assert len(people.sent) == 1
    assert "were not removed: PermissionError: ListBucket" in caplog.text


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b"null", b"\xff", b'{"key": "k"}', b'{"key": "k", "recorded_at": [], "recipients": []}']
)
def test_damaged_record_is_sent_and_repaired(
    make: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture, text: bytes
) -> None:
    make(People("chat")).notify(PAGE)
    (path,) = records(tmp_path)
    path.write_bytes(text)
    people = People("chat")
    for _ in range(2):
        assert make(people).notify(PAGE) == "delivered"
    assert people.sent == [("chat", PAGE.key)]
    assert "is damaged" in caplog.text


def test_record_of_an_earlier_release_is_delivered(make: Make, tmp_path: Path) -> None:
    make(People("chat")).notify(PAGE)
    (path,) = records(tmp_path)
    path.write_text(path.read_text().replace('"recorded_at"', '"at"'))
    people = People("chat")
    assert make(people).notify(PAGE) == "delivered"
    assert people.sent == []


def test_recipients_of_another_writer_are_kept(make: Make, tmp_path: Path) -> None:
    """Another process delivers while this one still sends."""

    class Late(People):
        def send(self, notice: Notice, skip: Any = ()) -> Any:
            make(People("pager")).notify(notice)
            return super().send(notice, skip)

    assert make(Late("chat")).notify(PAGE) == "delivered"
    (path,) = records(tmp_path)
    assert json.loads(path.read_text())["recipients"] == ["chat", "pager"]


def _notify(address: str, sent: str, start: Any) -> None:
    class Writing(People):
        def send(self, notice: Notice, skip: Any = ()) -> Any:
            Path(sent, uuid.uuid4().hex).touch()
            return super().send(notice, skip)

    start.wait()
    assert log_at(address)(Writing("chat")).notify(PAGE) == "delivered"


def test_two_processes_at_once_leave_one_record(make: Make, tmp_path: Path) -> None:
    """Both may send, since no claim of one that died may delay a page; from then on neither does."""
    (sent := tmp_path / "sent").mkdir()
    spawn = multiprocessing.get_context("spawn")
    start = spawn.Barrier(2)
    processes = [spawn.Process(target=_notify, args=(str(tmp_path), str(sent), start)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    assert len(list(sent.iterdir())) in (1, 2)
    assert len(records(tmp_path)) == 1
    people = People("chat")
    make(people).notify(PAGE)
    assert people.sent == []


def test_old_records_are_removed_a_few_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notification_log, "_name", lambda key: f"notifications/00/{key}.json")
    folder, make = tmp_path / "notifications" / "00", log_at(str(tmp_path))
    for number in range(10):
        make(People("chat")).notify(Notice("info", "t", "x", "team:a", f"old-{number}"))
    assert len(records(tmp_path)) == 10
    for path in folder.iterdir():
        kept = json.loads(path.read_text())
        path.write_text(json.dumps({**kept, "recorded_at": kept["recorded_at"] - RETENTION_SECONDS - 1}))
    for number in range(100):
        before = set(records(tmp_path))
        make(People("chat")).notify(Notice("info", "t", "x", "team:a", f"new-{number}"))
        assert len(before - set(records(tmp_path))) <= notification_log.MAX_EXPIRY_READS
    names = [path.name for path in records(tmp_path)]
    assert sum(name.startswith("new-") for name in names) == 100
    assert sum(name.startswith("old-") for name in names) < 10
