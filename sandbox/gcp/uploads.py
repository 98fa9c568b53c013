"""Uploads by the XML API, as JSON-API uploads to fake-gcs-server.

Whole objects, server-side copies, and multipart uploads whose parts wait on disk until they are completed.
https://cloud.google.com/storage/docs/xml-api/put-object-upload, .../multipart-uploads
"""

import json
import re
import shutil
import uuid
from collections.abc import AsyncIterator
from html import escape
from pathlib import Path
from urllib.parse import quote, unquote
from xml.etree import ElementTree

from aiohttp import web
from yarl import URL

from intermodal.sandbox.front import Context
from intermodal.sandbox.gcp.errors import xml_error
from intermodal.sandbox.gcp.storage import Storage

CHUNK = 1 << 20
META = "x-goog-meta-"


def is_upload(request: web.Request) -> bool:
    return request.method in ("PUT", "POST") or (request.method == "DELETE" and "uploadId" in request.query)


class Uploads:
    def __init__(self, context: Context, storage: Storage) -> None:
        self._context, self._storage = context, storage
        self._parts = context.home / "uploads"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        bucket, _, raw = request.raw_path.partition("?")[0].strip("/").partition("/")
        bucket, name = unquote(bucket), unquote(raw)
        if not name:
            return xml_error(501, "Not emulated: making buckets by the XML API; use the JSON API.")
        if "uploads" in request.query:
            return self._begin(request, bucket, name)
        if upload := request.query.get("uploadId"):
            return await self._continue(request, bucket, name, upload)
        if request.method != "PUT":
            return xml_error(501, "Not emulated: POST object uploads by form.")
        if source := request.headers.get("x-goog-copy-source"):
            return await self._copy(request, source, bucket, name)
        return await self._store(bucket, name, _properties(request), _conditions(request), request.content.iter_any())

    def _begin(self, request: web.Request, bucket: str, name: str) -> web.Response:
        upload = uuid.uuid4().hex
        folder = self._parts / upload
        folder.mkdir(parents=True)
        (folder / "object.json").write_text(json.dumps({"bucket": bucket, "name": name, **_properties(request)}))
        return _xml(
            f"<InitiateMultipartUploadResult><Bucket>{escape(bucket)}</Bucket><Key>{escape(name)}</Key>"
            f"<UploadId>{upload}</UploadId></InitiateMultipartUploadResult>"
        )

    async def _continue(self, request: web.Request, bucket: str, name: str, upload: str) -> web.StreamResponse:
        folder = self._parts / upload
        if not re.fullmatch(r"[0-9a-f]{32}", upload) or not folder.is_dir():
            return xml_error(404, "The requested upload was not found.")
        if request.method == "DELETE":
            shutil.rmtree(folder)
            return web.Response(status=204)
        if request.method == "PUT":
            return await self._part(request, folder)
        about = json.loads((folder / "object.json").read_text())
        if (about.pop("bucket"), about.pop("name")) != (bucket, name):
            return xml_error(400, "The upload belongs to another object.")
        parts = [folder / number for number in _numbers(await request.read())]
        if not parts or not all(part.exists() for part in parts):
            return xml_error(400, "A part of the upload is missing.")
        answer = await self._store(bucket, name, about, _conditions(request), _read(parts))
        if answer.status != 200:
            return answer
        shutil.rmtree(folder)
        return _xml(
            f"<CompleteMultipartUploadResult><Bucket>{escape(bucket)}</Bucket><Key>{escape(name)}</Key>"
            f"<ETag>{escape(answer.headers['ETag'])}</ETag></CompleteMultipartUploadResult>",
            {"x-goog-generation": answer.headers["x-goog-generation"]},
        )

    async def _part(self, request: web.Request, folder: Path) -> web.Response:
        number = request.query.get("partNumber", "")
        if not number.isdecimal() or not 1 <= int(number) <= 10_000:
            return xml_error(400, "partNumber must be 1 to 10000.")
        fresh = folder / f"{number}.new"
        with fresh.open("wb") as file:
            async for chunk in request.content.iter_any():
                file.write(chunk)
        fresh.replace(folder / number)
        return web.Response(headers={"ETag": f'"{number}-{(folder / number).stat().st_size}"'})

    async def _copy(self, request: web.Request, source: str, bucket: str, name: str) -> web.Response:
        origin, _, other = unquote(source).strip("/").partition("/")
        path = f"/storage/v1/b/{_q(origin)}/o/{_q(other)}/copyTo/b/{_q(bucket)}/o/{_q(name)}"
        url = URL(self._storage.url + path, encoded=True).update_query(_conditions(request))
        async with self._context.session.post(url, json={}) as answer:
            if answer.status != 200:
                return xml_error(answer.status, await answer.text())
            return _xml(f"<CopyObjectResult><ETag>{escape((await answer.json())['etag'])}</ETag></CopyObjectResult>")

    async def _store(
        self,
        bucket: str,
        name: str,
        properties: dict[str, object],
        conditions: dict[str, str],
        data: AsyncIterator[bytes],
    ) -> web.Response:
        """A "multipart" upload of the JSON API: the only one in which fake-gcs-server minds preconditions."""
        url = URL(f"{self._storage.url}/upload/storage/v1/b/{_q(bucket)}/o", encoded=True)
        url = url.update_query({"uploadType": "multipart", **conditions})
        boundary = uuid.uuid4().hex
        kind = {"Content-Type": f"multipart/related; boundary={boundary}"}
        body = _related(boundary, {"name": name, **properties}, data)
        async with self._context.session.post(url, data=body, headers=kind) as answer:
            if answer.status != 200:
                return xml_error(answer.status, await answer.text())
            stored = await answer.json()
        return web.Response(headers={"ETag": f'"{stored["etag"]}"', "x-goog-generation": str(stored["generation"])})


async def _related(boundary: str, about: dict[str, object], data: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield f"--{boundary}\r\nContent-Type: application/json\r\n\r\n{json.dumps(about)}\r\n".encode()
    yield f"--{boundary}\r\nContent-Type: {about['contentType']}\r\n\r\n".encode()
    async for chunk in data:
        yield chunk
    yield f"\r\n--{boundary}--\r\n".encode()


async def _read(parts: list[Path]) -> AsyncIterator[bytes]:
    for part in parts:
        with part.open("rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk


def _properties(request: web.Request) -> dict[str, object]:
    own = {name.lower().removeprefix(META): v for name, v in request.headers.items() if name.lower().startswith(META)}
    return {"contentType": request.headers.get("Content-Type", "application/octet-stream"), "metadata": own}


def _conditions(request: web.Request) -> dict[str, str]:
    generation = request.headers.get("x-goog-if-generation-match")
    return {"ifGenerationMatch": generation} if generation is not None else {}


def _numbers(body: bytes) -> list[str]:
    """Part numbers of a CompleteMultipartUpload body, in order; empty when it is not one."""
    try:
        found = [
            element.text or "" for element in ElementTree.fromstring(body).iter() if element.tag.endswith("PartNumber")
        ]
    except ElementTree.ParseError:
        return []
    return [number for number in found if number.isdecimal()]


def _q(text: str) -> str:
    return quote(text, safe="")


def _xml(text: str, headers: dict[str, str] | None = None) -> web.Response:
    full = f"<?xml version='1.0' encoding='UTF-8'?>{text}"
    return web.Response(text=full, content_type="application/xml", headers=headers)
