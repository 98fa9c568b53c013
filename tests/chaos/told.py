"""Somebody who is told: takes what apprise sends (``json://127.0.0.1:port``) and counts it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Told:
    """``texts``: title and text of each notice, in the order they came."""

    address: str
    texts: list[str] = field(default_factory=list)

    def times(self, key: str) -> int:
        """How often people were told of the event ``key``."""
        return sum(f"Event: {key}." in text for text in self.texts)


@contextmanager
def told() -> Iterator[Told]:
    heard: list[str] = []

    class Ear(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            notice = json.loads(self.rfile.read(int(self.headers["content-length"])))
            heard.append(f"{notice['title']}: {notice['message']}")
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Ear) as server:
        threading.Thread(target=server.serve_forever, daemon=True, name="told").start()
        yield Told(f"json://127.0.0.1:{server.server_port}/", heard)
        server.shutdown()
