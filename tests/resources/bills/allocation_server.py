"""A server of ``/allocation`` on loopback, with the documented quirks of OpenCost and Kubecost."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

Answer = tuple[int, Mapping[str, str], str]


def allocation(name: str, day: str, total: float | str | None, **others: Any) -> Mapping[str, Any]:
    """A fixture of the shape in kubecost/docs, ``api-allocation.md``."""
    start, end = f"{day}T00:00:00Z", f"{day}T24:00:00Z"
    if day[-2:].isdigit():
        end = f"{day[:-2]}{int(day[-2:]) + 1:02}T00:00:00Z"
    return {
        "name": name,
        "properties": {"cluster": "one", "labels": {}},
        "window": {"start": start, "end": end},
        "start": start,
        "end": end,
        "minutes": 1440.0,
        **dict.fromkeys(("cpuCost", "gpuCost", "ramCost", "pvCost", "networkCost", "loadBalancerCost"), 0.0),
        "sharedCost": 0.0,
        "externalCost": 0.0,
        "totalCost": total,
        **others,
    }


@dataclass
class Allocations:
    """``days`` are the sets; ``before`` are answers that come first."""

    url: str = ""
    days: dict[str, Mapping[str, Any] | None] = field(default_factory=dict)
    before: list[Answer] = field(default_factory=list)
    queries: list[Mapping[str, str]] = field(default_factory=list)

    def answer(self, query: Mapping[str, str]) -> Answer:
        self.queries.append(query)
        if self.before:
            return self.before.pop(0)
        day = query["window"].partition("T")[0]
        return 200, {}, json.dumps({"code": 200, "data": [self.days.get(day)]})


def _handler(respond: Callable[[Mapping[str, str]], Answer]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
            status, headers, body = respond(query)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@contextmanager
def serving() -> Iterator[Allocations]:
    allocations = Allocations()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(allocations.answer))
    allocations.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield allocations
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
