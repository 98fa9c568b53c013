"""Tables as Parquet, and the stand-in in memory."""

from pathlib import Path

import pandas as pd
import pytest

from intermodal.platform.errors import NotFound
from intermodal.platform.ports import Tables
from intermodal.platform.training.dataframes import digest
from intermodal.resources.storage.addresses import at_address
from intermodal.resources.storage.tables import ParquetTables
from tests.memory import MemoryTables

TABLE = pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": [0.5, float("nan")]})


class TablesConformance:
    def test_what_is_written_is_read_back(self, tables: Tables) -> None:
        tables.write("m", "dataset", "2013-01-01", TABLE)
        assert digest(tables.read("m", "dataset", "2013-01-01")) == digest(TABLE)

    def test_writing_again_replaces(self, tables: Tables) -> None:
        tables.write("m", "dataset", "2013-01-01", TABLE)
        tables.write("m", "dataset", "2013-01-01", TABLE.head(1))
        assert len(tables.read("m", "dataset", "2013-01-01")) == 1

    def test_partitions_are_in_order_and_by_stage(self, tables: Tables) -> None:
        for month in ("2013-02-01", "2013-01-01"):
            tables.write("m", "dataset", month, TABLE)
        tables.write("m", "features", "2013-03-01", TABLE)
        assert list(tables.partitions("m", "dataset")) == ["2013-01-01", "2013-02-01"]
        assert list(tables.partitions("other", "dataset")) == []

    def test_a_partition_is_deleted_alone_and_again(self, tables: Tables) -> None:
        for month in ("2013-01-01", "2013-02-01"):
            tables.write("m", "dataset", month, TABLE)
        for _ in range(2):
            tables.delete("m", "dataset", "2013-01-01")
        assert list(tables.partitions("m", "dataset")) == ["2013-02-01"]
        tables.delete("nobody", "dataset", "2013-01-01")

    def test_a_partition_that_is_not_there_is_named(self, tables: Tables) -> None:
        with pytest.raises(NotFound, match="2013-01-01"):
            tables.read("m", "dataset", "2013-01-01")


class TestParquetTables(TablesConformance):
    @pytest.fixture
    def tables(self, tmp_path: Path) -> ParquetTables:
        return ParquetTables(address=str(tmp_path))

    def test_a_half_written_file_is_no_partition(self, tables: ParquetTables, tmp_path: Path) -> None:
        (tmp_path / "m" / "dataset").mkdir(parents=True)
        (tmp_path / "m" / "dataset" / ".2013-01-01.parquet.new").write_bytes(b"half")
        assert list(tables.partitions("m", "dataset")) == []

    def test_no_listing_of_a_bucket_is_kept(self) -> None:
        folder = at_address("memory://tables") / "m"
        folder.fs.dircache["/tables/m"] = ["what was there when it was listed"]
        assert "/tables/m" not in folder.fs.dircache


class TestMemoryTables(TablesConformance):
    @pytest.fixture
    def tables(self) -> MemoryTables:
        return MemoryTables()
