"""People are told through apprise, here by a real request to a server on loopback, and no address ever shows."""

import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from intermodal.platform.errors import Unavailable
from intermodal.platform.ports.notifications import Notice
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
def test_everybody_is_told_with_the_right_urgency(
    chat: Chat, monkeypatch: pytest.MonkeyPatch, severity: Any, kind: str
) -> None:
    monkeypatch.setenv("INTERMODAL_NOTIFY", f"{chat.address('one')}, {chat.address('two')}")
    AppriseNotifier().tell(Notice(severity, "Title", "Text.", "team:flights", "event-1"))
    assert [path for path, _ in chat.taken] == ["/one", "/two"]
    told = chat.taken[0][1]
    assert told["type"] == kind
    assert "Title" in told["title"]
    assert all(part in told["message"] for part in ("Text.", "team:flights", "event-1"))


def test_only_a_page_goes_to_those_who_are_woken(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTERMODAL_NOTIFY", chat.address("chat"))
    monkeypatch.setenv("INTERMODAL_NOTIFY_PAGE", chat.address("pager"))
    AppriseNotifier().tell(Notice("warning", "t", "x", "team:a", "k"))
    AppriseNotifier().tell(PAGE)
    assert [path for path, _ in chat.taken] == ["/chat", "/chat", "/pager"]


def test_a_page_that_wakes_nobody_is_an_error_whoever_else_took_it(
    chat: Chat, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("INTERMODAL_NOTIFY", chat.address("chat"))
    monkeypatch.setenv("INTERMODAL_NOTIFY_PAGE", f"xml://127.0.0.1:1/{SECRET}")
    with pytest.raises(Unavailable, match="Nobody could be woken by 'aws is down': xml did not take it") as failure:
        AppriseNotifier().tell(PAGE)
    assert "INTERMODAL_NOTIFY_PAGE" in failure.value.hint
    assert SECRET not in f"{failure.value!r} {failure.value} {caplog.text}"
    assert AppriseNotifier().tell(Notice("warning", "t", "x", "team:a", "k"))
    monkeypatch.setenv("INTERMODAL_NOTIFY_PAGE", f"xml://127.0.0.1:1/{SECRET} {chat.address('pager')}")
    assert AppriseNotifier().tell(PAGE)  # tried again: who took it before is not told a second time
    assert [path for path, _ in chat.taken] == ["/chat", "/chat", "/pager"]
    assert AppriseNotifier().tell(PAGE)  # it happened again
    assert [path for path, _ in chat.taken[3:]] == ["/chat", "/pager"]


def test_nobody_configured_is_said(caplog: pytest.LogCaptureFixture) -> None:
    assert AppriseNotifier().tell(PAGE) is False
    assert "INTERMODAL_NOTIFY is not set, so nobody was told: aws is down. Traffic moved to gcp." in caplog.text


@pytest.mark.parametrize("wrong", ["refused", "unknown://" + SECRET, SECRET, "not-there"])
def test_nobody_reached_is_an_error_without_the_address(
    chat: Chat, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, wrong: str
) -> None:
    chat.status = 403
    address = {"refused": chat.address(), "not-there": f"json://user:{SECRET}@127.0.0.1:1/{SECRET}"}.get(wrong, wrong)
    monkeypatch.setenv("INTERMODAL_NOTIFY", address)
    with pytest.raises(Unavailable, match="aws is down") as failure:
        AppriseNotifier().tell(PAGE)
    assert "INTERMODAL_NOTIFY" in str(failure.value)
    assert SECRET not in f"{failure.value!r} {failure.value} {caplog.text}"


def test_one_who_is_not_reached_keeps_no_other_from_it(
    chat: Chat, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("INTERMODAL_NOTIFY", f"json://127.0.0.1:1/{SECRET} {chat.address()}")
    AppriseNotifier().tell(PAGE)
    assert len(chat.taken) == 1
    assert "Not everybody was told 'aws is down': json did not take it." in caplog.text


def test_no_log_and_no_repr_holds_an_address(
    chat: Chat, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("INTERMODAL_NOTIFY", chat.address())
    notifier = AppriseNotifier()
    notifier.tell(PAGE)
    assert chat.taken
    assert SECRET not in caplog.text
    assert SECRET not in f"{notifier!r} {notifier} {notifier.model_dump()}"
    logging.getLogger("urllib3.connectionpool").debug("after")
    assert "after" in caplog.text  # only what is logged while sending is dropped
