"""The conformance suites of Notifier and Gauges on the real adapters: apprise on loopback, a real Pushgateway."""

import re
from collections.abc import Callable, Sequence

import httpx
import pytest

from intermodal.resources.notifier import AppriseNotifier
from intermodal.resources.pushgateway import Pushgateway
from intermodal.sandbox.settings import free_port
from tests.conformance.gauges import GaugesConformance, Kept
from tests.conformance.notifier import NotifierConformance
from tests.resources.test_notifier import Chat, chat
from tests.resources.test_pushgateway import url

__all__ = ["chat", "url"]


class TestApprise(NotifierConformance):
    @pytest.fixture(autouse=True)
    def _variables(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("INTERMODAL_NOTIFY", "INTERMODAL_NOTIFY_PAGE"):
            monkeypatch.delenv(name, raising=False)

    @pytest.fixture
    def notifier(self, chat: Chat, monkeypatch: pytest.MonkeyPatch) -> AppriseNotifier:
        monkeypatch.setenv("INTERMODAL_NOTIFY", chat.address())
        return AppriseNotifier()

    @pytest.fixture
    def arrived(self, chat: Chat) -> Callable[[], Sequence[str]]:
        return lambda: [f"{body['title']} {body['message']}" for _, body in chat.taken]

    @pytest.fixture
    def without_recipients(self) -> AppriseNotifier:
        return AppriseNotifier()

    @pytest.fixture
    def refused(self, chat: Chat, monkeypatch: pytest.MonkeyPatch) -> AppriseNotifier:
        chat.status = 403
        monkeypatch.setenv("INTERMODAL_NOTIFY", chat.address())
        return AppriseNotifier()


class TestPushgateway(GaugesConformance):
    @pytest.fixture
    def gauges(self, url: str) -> Pushgateway:
        return Pushgateway(url=url)

    @pytest.fixture
    def kept(self, url: str) -> Kept:
        def read(group: str, name: str) -> dict[frozenset[tuple[str, str]], float]:
            found = {}
            for line in httpx.get(f"{url}/metrics", trust_env=False).text.splitlines():
                if not line.startswith(f"{name}{{"):
                    continue
                given = dict(re.findall(r'(\w+)="([^"]*)"', line))
                added = {"group", "instance", "job"}
                if given["group"] == group:
                    own = {label: value for label, value in given.items() if value and label not in added}
                    found[frozenset(own.items())] = float(line.rpartition(" ")[2])
            return found

        return read

    @pytest.fixture
    def unreachable(self) -> Pushgateway:
        return Pushgateway(url=f"http://127.0.0.1:{free_port()}")
