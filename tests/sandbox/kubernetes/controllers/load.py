"""Requests one after the other, each on a connection of its own, in a thread."""

import threading
import urllib.error
import urllib.request
from typing import Self


class Load:
    """``releases`` are those that answered, in the order of their first answers."""

    def __init__(self, url: str) -> None:
        self._url, self._end = url, threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._seen = threading.Condition()
        self.failures: list[str] = []
        self.releases: list[str] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join(30)

    def until(self, release: str) -> None:
        with self._seen:
            assert self._seen.wait_for(lambda: release in self.releases, 30), (release, self.releases, self.failures)

    def _run(self) -> None:
        while not self._end.is_set():
            try:
                with urllib.request.urlopen(self._url, timeout=10) as answer:
                    release = answer.read().decode().split()[1]
            except OSError as error:
                self.failures.append(repr(error))
                continue
            with self._seen:
                if release not in self.releases:
                    self.releases.append(release)
                    self._seen.notify_all()
