"""Tables as Parquet files below one folder or bucket address."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING
from urllib.parse import unquote
from uuid import uuid4

import dagster as dg
from upath import UPath

from intermodal.platform.errors import NotFound
from intermodal.resources.storage import tensors
from intermodal.resources.storage.addresses import at_address
from intermodal.resources.storage.file_names import file_name

if TYPE_CHECKING:
    import pandas as pd


class ParquetTables(dg.ConfigurableResource):  # type: ignore[type-arg]
    """``address`` is a folder or any address that fsspec knows (``s3://bucket/tables``, with s3fs installed).

    Layout: ``<address>/<model>/<stage>/<partition>.parquet``, with a partition as of ``file_name``.
    """

    address: str

    def write(self, model: str, stage: str, partition: str, table: pd.DataFrame) -> None:
        path = self._path(model, stage, partition)
        path.parent.mkdir(parents=True, exist_ok=True)
        buffer = BytesIO()
        tensors.write_parquet(table, buffer)
        fresh = path.with_name(f".{path.name}.{uuid4().hex}")  # another run may write the same partition
        try:
            fresh.write_bytes(buffer.getvalue())
            fresh.rename(path)
        except BaseException:
            fresh.unlink(missing_ok=True)
            raise

    def read(self, model: str, stage: str, partition: str) -> pd.DataFrame:
        try:
            return tensors.read_parquet(BytesIO(self._path(model, stage, partition).read_bytes()))
        except FileNotFoundError as error:
            raise NotFound(
                f"{model}/{stage} has no partition {partition}.",
                hint=f"Materialize it first. Present: {', '.join(self.partitions(model, stage)) or 'none'}.",
            ) from error

    def delete(self, model: str, stage: str, partition: str) -> None:
        self._path(model, stage, partition).unlink(missing_ok=True)

    def partitions(self, model: str, stage: str) -> Sequence[str]:
        folder = at_address(self.address) / model / stage
        return sorted(unquote(path.stem) for path in folder.glob("*.parquet") if not path.name.startswith("."))

    def _path(self, model: str, stage: str, partition: str) -> UPath:
        return at_address(self.address) / model / stage / f"{file_name(partition)}.parquet"
