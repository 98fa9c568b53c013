"""Requests one after the other, each on a connection of its own, in a thread."""

import threading
import urllib.request
from typing import Self

MORE = 20
"""Answers that make a test sure that requests still arrive."""


class Load:
    """GET of the address, or POST of ``body``. ``releases`` are the second words of answers, in the order of their
    first answers; ``last`` is the last answer."""

    def __init__(self, url: str, body: bytes | None = None) -> None:
        headers = {"Content-Type": "application/json"} if body else {}
        self._request, self._end = urllib.request.Request(url, body, headers), threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._seen = threading.Condition()
        self.failures: list[str] = []
        self.releases: list[str] = []
        self.answers, self.last = 0, b""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join(30)

    def until(self, release: str) -> None:
        with self._seen:
            assert self._seen.wait_for(lambda: release in self.releases, 30), (release, self.releases, self.failures)

    def until_more(self) -> None:
        with self._seen:
            wanted = self.answers + MORE
            assert self._seen.wait_for(lambda: self.answers >= wanted, 30), self.failures

    def _run(self) -> None:
        while not self._end.is_set():
            try:
                with urllib.request.urlopen(self._request, timeout=10) as answer:
                    self.last = answer.read()
            except OSError as error:
                self.failures.append(repr(error))
                continue
            with self._seen:
                self.answers += 1
                release = self.last.decode().split()[1:2]
                self.releases += [each for each in release if each not in self.releases]
                self._seen.notify_all()
