"""Tables as Parquet."""

from pathlib import Path

import pandas as pd
import pytest
from upath import UPath

from intermodal.resources.storage.addresses import at_address
from intermodal.resources.storage.tables import ParquetTables
from tests.conformance.tables import TablesConformance


class TestParquetTables(TablesConformance):
    @pytest.fixture
    def tables(self, tmp_path: Path) -> ParquetTables:
        return ParquetTables(address=str(tmp_path))

    def test_partitions_leave_out_half_written_files(self, tables: ParquetTables, tmp_path: Path) -> None:
        (tmp_path / "m" / "dataset").mkdir(parents=True)
        (tmp_path / "m" / "dataset" / ".2013-01-01.parquet.new").write_bytes(b"half")
        assert list(tables.partitions("m", "dataset")) == []

    def test_write_while_another_run_writes_the_same_partition(
        self, tables: ParquetTables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, second = pd.DataFrame({"x": [1]}), pd.DataFrame({"x": [2]})
        rename = UPath.rename

        def overtaken(path: UPath, target: UPath) -> UPath:
            monkeypatch.setattr(type(path), "rename", rename)
            tables.write("m", "dataset", "2013-01-01", second)
            return rename(path, target)

        monkeypatch.setattr(type(at_address(str(tmp_path))), "rename", overtaken)
        tables.write("m", "dataset", "2013-01-01", first)
        assert tables.read("m", "dataset", "2013-01-01").equals(first)
        assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["2013-01-01.parquet"]

    def test_at_address_listings_are_not_cached(self) -> None:
        folder = at_address("memory://tables") / "m"
        folder.fs.dircache["/tables/m"] = ["an old listing"]
        assert "/tables/m" not in folder.fs.dircache
