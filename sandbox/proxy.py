"""Hand a request on to a process behind the cloud's front, streaming both ways."""

import aiohttp
from aiohttp import web

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "proxy-authorization"}


async def forward(
    request: web.Request, session: aiohttp.ClientSession, url: str, *, drop: frozenset[str] = frozenset()
) -> web.StreamResponse:
    """Send the request to ``url`` and stream the answer back; 503 when nothing listens there.

    ``Host`` is kept (signatures cover it); headers in ``drop`` (lower case) are not handed on.
    """
    headers = {
        name: value
        for name, value in request.headers.items()
        if name.lower() not in HOP_BY_HOP and name.lower() not in drop
    }
    body = request.content if request.body_exists else None
    try:
        async with session.request(
            request.method,
            url,
            headers=headers,
            data=body,
            allow_redirects=False,
            skip_auto_headers=("User-Agent", "Content-Type", "Accept", "Accept-Encoding"),
        ) as upstream:
            answer = web.StreamResponse(status=upstream.status, reason=upstream.reason)
            for name, value in upstream.headers.items():
                if name.lower() not in HOP_BY_HOP:
                    answer.headers.add(name, value)
            await answer.prepare(request)
            async for chunk in upstream.content.iter_any():
                await answer.write(chunk)
            await answer.write_eof()
            return answer
    except aiohttp.ClientConnectorError:
        return web.json_response({"message": "the process behind this address is not running"}, status=503)


def new_session() -> aiohttp.ClientSession:
    """A session that hands bytes through unchanged and waits as long as a prediction may take."""
    return aiohttp.ClientSession(
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=2, sock_read=65),
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30),
    )
