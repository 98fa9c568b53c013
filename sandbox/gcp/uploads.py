"""Uploads by the XML API (which obstore speaks), as JSON-API uploads to fake-gcs-server.

https://cloud.google.com/storage/docs/xml-api/put-object-upload
"""

import json
import uuid
from collections.abc import AsyncIterator
from html import escape
from typing import Any
from urllib.parse import quote, unquote

from aiohttp import web
from yarl import URL

from intermodal.sandbox.front import Context
from intermodal.sandbox.gcp.errors import xml_error
from intermodal.sandbox.gcp.parts import Parts, read
from intermodal.sandbox.gcp.storage import Storage

META = "x-goog-meta-"


def is_upload(request: web.Request) -> bool:
    return request.method in ("PUT", "POST") or (request.method == "DELETE" and "uploadId" in request.query)


class Uploads:
    """Whole objects, server-side copies and multipart uploads."""

    def __init__(self, context: Context, storage: Storage) -> None:
        self._context, self._storage = context, storage
        self._parts = Parts(context.home / "uploads")

    async def handle(self, request: web.Request) -> web.StreamResponse:
        raw_bucket, _, raw = request.raw_path.partition("?")[0].strip("/").partition("/")
        bucket, name = unquote(raw_bucket), unquote(raw)
        if not name:
            return xml_error(501, "Not emulated: making buckets by the XML API; use the JSON API.")
        if "uploads" in request.query:
            upload = self._parts.begin({"bucket": bucket, "name": name, **_properties(request)})
            return _xml("InitiateMultipartUploadResult", Bucket=bucket, Key=name, UploadId=upload)
        if upload := request.query.get("uploadId", ""):
            return await self._continue(request, bucket, name, upload)
        if request.method != "PUT":
            return xml_error(501, "Not emulated: POST object uploads by form.")
        if source := request.headers.get("x-goog-copy-source"):
            return await self._copy(request, source, bucket, name)
        return await self._store(bucket, name, _properties(request), _conditions(request), request.content.iter_any())

    async def _continue(self, request: web.Request, bucket: str, name: str, upload: str) -> web.StreamResponse:
        about = self._parts.about(upload)
        if about is None or (about.pop("bucket"), about.pop("name")) != (bucket, name):
            return xml_error(404, "The requested upload was not found.", code="NoSuchUpload")
        if request.method == "DELETE":
            self._parts.forget(upload)
            return web.Response(status=204)
        if request.method == "PUT":
            etag = await self._parts.store(upload, request.query.get("partNumber", ""), request)
            return web.Response(headers={"ETag": etag}) if etag else xml_error(400, "partNumber must be 1 to 10000.")
        parts = self._parts.listed(upload, await request.read())
        if not parts:
            return xml_error(400, "One or more of the specified parts could not be found.", code="InvalidPart")
        answer = await self._store(bucket, name, about, _conditions(request), read(parts))
        if answer.status != 200:
            return answer
        self._parts.forget(upload)
        done = _xml("CompleteMultipartUploadResult", Bucket=bucket, Key=name, ETag=answer.headers["ETag"])
        done.headers["x-goog-generation"] = answer.headers["x-goog-generation"]
        return done

    async def _copy(self, request: web.Request, source: str, bucket: str, name: str) -> web.Response:
        origin, _, other = unquote(source).strip("/").partition("/")
        path = f"/storage/v1/b/{_q(origin)}/o/{_q(other)}/copyTo/b/{_q(bucket)}/o/{_q(name)}"
        url = URL(self._storage.url + path, encoded=True).update_query(_conditions(request))
        async with self._context.session.post(url, json={}) as answer:
            if answer.status != 200:
                return xml_error(answer.status, await answer.text())
            return _xml("CopyObjectResult", ETag=(await answer.json())["etag"])

    async def _store(
        self, bucket: str, name: str, about: dict[str, Any], conditions: dict[str, str], data: AsyncIterator[bytes]
    ) -> web.Response:
        """A "multipart" upload of the JSON API: the only one in which fake-gcs-server checks preconditions."""
        url = URL(f"{self._storage.url}/upload/storage/v1/b/{_q(bucket)}/o", encoded=True)
        url = url.update_query({"uploadType": "multipart", **conditions})
        boundary = uuid.uuid4().hex
        headers = {"Content-Type": f"multipart/related; boundary={boundary}"}
        body = _related(boundary, {"name": name, **about}, data)
        async with self._context.session.post(url, data=body, headers=headers) as answer:
            if answer.status != 200:
                return xml_error(answer.status, await answer.text())
            stored = await answer.json()
        return web.Response(headers={"ETag": f'"{stored["etag"]}"', "x-goog-generation": str(stored["generation"])})


async def _related(boundary: str, about: dict[str, Any], data: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield f"--{boundary}\r\nContent-Type: application/json\r\n\r\n{json.dumps(about)}\r\n".encode()
    yield f"--{boundary}\r\nContent-Type: {about['contentType']}\r\n\r\n".encode()
    async for chunk in data:
        yield chunk
    yield f"\r\n--{boundary}--\r\n".encode()


def _properties(request: web.Request) -> dict[str, Any]:
    own = {name.lower().removeprefix(META): v for name, v in request.headers.items() if name.lower().startswith(META)}
    return {"contentType": request.headers.get("Content-Type", "application/octet-stream"), "metadata": own}


def _conditions(request: web.Request) -> dict[str, str]:
    generation = request.headers.get("x-goog-if-generation-match")
    return {"ifGenerationMatch": generation} if generation is not None else {}


def _q(text: str) -> str:
    return quote(text, safe="")


def _xml(element: str, **fields: str) -> web.Response:
    inner = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in fields.items())
    text = f"<?xml version='1.0' encoding='UTF-8'?><{element}>{inner}</{element}>"
    return web.Response(text=text, content_type="application/xml")
