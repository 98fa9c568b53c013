"""What every Tables promises. An adapter's test inherits it, with a fixture ``tables`` that is empty."""

import pandas as pd
import pytest

from intermodal.platform.errors import NotFound
from intermodal.platform.ports import Tables
from intermodal.platform.training.dataframes import digest

TABLE = pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": [0.5, float("nan")]})


class TablesConformance:
    """A partition is replaced whole, read as it was written, and deleted alone."""

    @pytest.fixture
    def tables(self) -> Tables:
        raise NotImplementedError

    def test_table_is_read_as_it_was_written(self, tables: Tables) -> None:
        tables.write("m", "dataset", "2013-01-01", TABLE)
        assert digest(tables.read("m", "dataset", "2013-01-01")) == digest(TABLE)

    def test_table_written_again_is_replaced(self, tables: Tables) -> None:
        tables.write("m", "dataset", "2013-01-01", TABLE)
        tables.write("m", "dataset", "2013-01-01", TABLE.head(1))
        assert len(tables.read("m", "dataset", "2013-01-01")) == 1

    def test_table_changed_by_its_reader_or_writer_stays(self, tables: Tables) -> None:
        written = TABLE.copy()
        tables.write("m", "dataset", "2013-01-01", written)
        written["a"] = 0
        tables.read("m", "dataset", "2013-01-01")["a"] = 0
        assert digest(tables.read("m", "dataset", "2013-01-01")) == digest(TABLE)

    def test_partitions_are_in_order_and_by_stage(self, tables: Tables) -> None:
        for month in ("2013-02-01", "2013-01-01"):
            tables.write("m", "dataset", month, TABLE)
        tables.write("m", "features", "2013-03-01", TABLE)
        assert list(tables.partitions("m", "dataset")) == ["2013-01-01", "2013-02-01"]
        assert list(tables.partitions("other", "dataset")) == []

    def test_partition_is_deleted_alone_and_again(self, tables: Tables) -> None:
        for month in ("2013-01-01", "2013-02-01"):
            tables.write("m", "dataset", month, TABLE)
        for _ in range(2):
            tables.delete("m", "dataset", "2013-01-01")
        assert list(tables.partitions("m", "dataset")) == ["2013-02-01"]
        tables.delete("unheard_of", "dataset", "2013-01-01")

    def test_partition_that_is_not_there_is_named(self, tables: Tables) -> None:
        with pytest.raises(NotFound, match="2013-01-01"):
            tables.read("m", "dataset", "2013-01-01")
