"""A recipient of notices: an HTTP server that takes what apprise sends (``json://127.0.0.1:port``) and counts it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Recipient:
    """``texts``: title and text of each notice, in the order they came."""

    address: str
    texts: list[str] = field(default_factory=list)

    def times(self, key: str) -> int:
        """How often the event ``key`` was notified."""
        return sum(f"Event: {key}." in text for text in self.texts)


@contextmanager
def recipient() -> Iterator[Recipient]:
    received: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            notice = json.loads(self.rfile.read(int(self.headers["content-length"])))
            received.append(f"{notice['title']}: {notice['message']}")
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True, name="recipient").start()
        yield Recipient(f"json://127.0.0.1:{server.server_port}/", received)
        server.shutdown()
