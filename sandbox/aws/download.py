"""Model data from this cloud's own S3 into a container's file system."""

import asyncio
from functools import cached_property
from pathlib import Path
from typing import Any

from intermodal.sandbox.containers import StartFailed


class Downloads:
    """Reads with the keys of this account. ``endpoint`` is the storage's address, in ``region``."""

    def __init__(self, endpoint: str, region: str, access_key: str, secret: str) -> None:
        self._endpoint, self._region, self._keys = endpoint, region, (access_key, secret)

    @cached_property
    def _s3(self) -> Any:
        import boto3

        access_key, secret = self._keys
        session = boto3.session.Session(access_key, secret, region_name=self._region)
        return session.client("s3", endpoint_url=self._endpoint)

    async def fetch(self, uri: str, folder: Path) -> None:
        """Every object below ``s3://bucket/prefix/``; StartFailed when there is none."""
        await asyncio.to_thread(self._fetch, uri, folder)

    def _fetch(self, uri: str, folder: Path) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        count = 0
        try:
            for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
                for entry in page.get("Contents", []):
                    path = (folder / entry["Key"].removeprefix(prefix)).resolve()
                    if not path.is_relative_to(folder.resolve()) or entry["Key"].endswith("/"):
                        continue
                    path.parent.mkdir(parents=True, exist_ok=True)
                    self._s3.download_file(bucket, entry["Key"], str(path))
                    count += 1
        except (ClientError, BotoCoreError) as error:
            raise _missing(uri, str(error)) from error
        if not count:
            raise _missing(uri, "no objects below it")


def _missing(uri: str, reason: str) -> StartFailed:
    return StartFailed(
        f'Failed to download model data for container "container_1" from URL "{uri}". Please ensure that there is an '
        f"object located at the URL and that the role passed to CreateModel has permissions to download it. ({reason})"
    )
