"""Parts of multipart uploads by the XML API, which wait on disk until they are completed or aborted.

https://cloud.google.com/storage/docs/multipart-uploads
"""

import json
import re
import shutil
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from aiohttp import web

CHUNK = 1 << 20
MOST_PARTS = 10_000


class Parts:
    """One folder for each upload below ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def begin(self, about: dict[str, Any]) -> str:
        upload = uuid.uuid4().hex
        (self._folder / upload).mkdir(parents=True)
        (self._folder / upload / "object.json").write_text(json.dumps(about), encoding="utf-8")
        return upload

    def about(self, upload: str) -> dict[str, Any] | None:
        """What ``begin`` was given. None for an upload that is unknown, completed or aborted."""
        if not re.fullmatch(r"[0-9a-f]{32}", upload) or not (self._folder / upload).is_dir():
            return None
        return dict(json.loads((self._folder / upload / "object.json").read_text("utf-8")))

    async def store(self, upload: str, number: str, request: web.Request) -> str | None:
        """Keep a part; its ETag, or None when the number is out of range."""
        if not number.isdecimal() or not 1 <= int(number) <= MOST_PARTS:
            return None
        path = self._folder / upload / str(int(number))
        fresh = path.with_suffix(".new")
        with fresh.open("wb") as file:
            async for chunk in request.content.iter_any():
                file.write(chunk)
        fresh.replace(path)
        return f'"{path.name}-{path.stat().st_size}"'

    def listed(self, upload: str, body: bytes) -> list[Path]:
        """The files of a CompleteMultipartUpload body, in its order; empty when it is none or a part is missing."""
        try:
            found = [e.text or "" for e in ElementTree.fromstring(body).iter() if e.tag.endswith("PartNumber")]
        except ElementTree.ParseError:
            return []
        paths = [self._folder / upload / number for number in found if number.isdecimal()]
        return paths if len(paths) == len(found) and all(path.exists() for path in paths) else []

    def forget(self, upload: str) -> None:
        shutil.rmtree(self._folder / upload)


async def read(parts: list[Path]) -> AsyncIterator[bytes]:
    for part in parts:
        with part.open("rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk
