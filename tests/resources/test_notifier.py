"""People are notified through apprise, here by a real request to a server on loopback, and no address ever shows."""

import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from intermodal.platform.ports.notifications import Notice, Receipt
from intermodal.resources.notifier import AppriseNotifier

SECRET = "hunter2-Very-Secret"
PAGE = Notice("page", "aws is down", "Traffic moved to gcp.", "team:flights", "flights-aws-1")


class Chat:
    """Takes what apprise posts; ``status`` is what it answers."""

    def __init__(self) -> None:
        self.status, self.taken = 200, list[tuple[str, dict[str, Any]]]()
        chat = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                chat.taken.append((self.path, json.loads(body)))
                self.send_response(chat.status)
                self.end_headers()

            def log_message(self, *args: Any) -> None: ...

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def address(self, path: str = SECRET) -> str:
        return f"json://user:{SECRET}@127.0.0.1:{self.server.server_port}/{path}"


@pytest.fixture
def chat() -> Iterator[Chat]:
    chat = Chat()
    yield chat
    chat.server.shutdown()
    chat.server.server_close()


@pytest.fixture(autouse=True)
def _nobody_configured(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.delenv("INTERMODAL_NOTIFY", raising=False)
    monkeypatch.delenv("INTERMODAL_NOTIFY_PAGE", raising=False)
    monkeypatch.setattr(logging.getLogger("dagster"), "propagate", True)
    for name in ("", "apprise", "urllib3"):
        caplog.set_level(1, logger=name)


@pytest.mark.parametrize(("severity", "kind"), [("page", "failure"), ("warning", "warning"), ("info", "info")])
def test_notice_has_the_urgency_of_its_severity(
    chat: Chat, monkeypatch: pytest.MonkeyPatch, severity: Any, kind: str
) -> None:
    monkeypatch.setenv("INTERMODAL_NOTIFY", f"{chat.address('one')}, {chat.address('two')}")
    AppriseNotifier().send(Notice(severity, "Title", "Text.", "team:flights", "event-1"))
    assert [path for path, _ in chat.taken] == ["/one", "/two"]
    body = chat.taken[0][1]
    assert body["type"] == kind
    assert "Title" in body["title"]
    assert all(part in body["message"] for part in ("Text.", "team:flights", "event-1"))


def test_only_a_page_goes_to_those_who_are_woken(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTERMODAL_NOTIFY", chat.address("chat"))
    monkeypatch.setenv("INTERMODAL_NOTIFY_PAGE", chat.address("pager"))
    AppriseNotifier().send(Notice("warning", "t", "x", "team:a", "k"))
    AppriseNotifier().send(PAGE)
    assert [path for path, _ in chat.taken] == ["/chat", "/chat", "/pager"]


def test_page_that_wakes_nobody_has_failed_whoever_else_took_it(
    chat: Chat, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("INTERMODAL_NOTIFY", chat.address("chat"))
    monkeypatch.setenv("INTERMODAL_NOTIFY_PAGE", f"xml://127.0.0.1:1/{SECRET}")
    receipt = AppriseNotifier().send(PAGE)
    assert receipt.failure is not None
    assert "No recipient of pages took 'aws is down': xml failed" in receipt.failure.message
    assert "INTERMODAL_NOTIFY_PAGE" in receipt.failure.hint
    assert len(receipt.recipients) == 1
    assert SECRET not in f"{receipt!r} {receipt.failure} {caplog.text}"
    assert AppriseNotifier().send(Notice("warning", "t", "x", "team:a", "k")).failure is None
    monkeypatch.setenv("INTERMODAL_NOTIFY_PAGE", f"xml://127.0.0.1:1/{SECRET} {chat.address('pager')}")
    second = AppriseNotifier().send(PAGE, receipt.recipients)
    assert second.failure is None
    assert len(second.recipients) == 2
    assert [path for path, _ in chat.taken] == ["/chat", "/chat", "/pager"]


def test_no_recipient_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    assert AppriseNotifier().send(PAGE) == Receipt()
    assert "INTERMODAL_NOTIFY is not set, so no notice was sent: aws is down. Traffic moved to gcp." in caplog.text


@pytest.mark.parametrize("wrong", ["refused", "unknown://" + SECRET, SECRET, "not-there"])
def test_failure_names_no_address(
    chat: Chat, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, wrong: str
) -> None:
    chat.status = 403
    address = {"refused": chat.address(), "not-there": f"json://user:{SECRET}@127.0.0.1:1/{SECRET}"}.get(wrong, wrong)
    monkeypatch.setenv("INTERMODAL_NOTIFY", address)
    receipt = AppriseNotifier().send(PAGE)
    assert receipt.failure is not None
    assert "aws is down" in receipt.failure.message
    assert "INTERMODAL_NOTIFY" in str(receipt.failure)
    assert SECRET not in f"{receipt!r} {receipt.failure} {caplog.text}"


def test_unreached_recipient_keeps_the_notice_from_no_other(
    chat: Chat, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("INTERMODAL_NOTIFY", f"json://127.0.0.1:1/{SECRET} {chat.address()}")
    AppriseNotifier().send(PAGE)
    assert len(chat.taken) == 1
    assert "Some recipients did not take 'aws is down': json failed." in caplog.text


def test_no_log_and_no_repr_holds_an_address(
    chat: Chat, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("INTERMODAL_NOTIFY", chat.address())
    notifier = AppriseNotifier()
    notifier.send(PAGE)
    assert chat.taken
    assert SECRET not in caplog.text
    assert SECRET not in f"{notifier!r} {notifier} {notifier.model_dump()}"
    logging.getLogger("urllib3.connectionpool").debug("after")
    assert "after" in caplog.text  # only what is logged while sending is dropped
