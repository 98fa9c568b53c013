"""The private parts of uvicorn that the fast path builds on. No other file imports them.

``connection.py`` overrides on_message_begin, on_headers_complete, on_body, on_message_complete, on_response_complete,
shutdown and connection_lost. It reads url, headers, expect_100_continue, parser, flow, pipeline, cycle, loop,
transport, server_state, timeout_keep_alive and timeout_keep_alive_handler. uvicorn may change all of these in any
release.
"""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["CHECKED_VERSION", "HttpToolsProtocol"]

CHECKED_VERSION = "0.54.0"
"""The uvicorn release against which ``connection.py`` was checked. A test compares it with the installed one."""
