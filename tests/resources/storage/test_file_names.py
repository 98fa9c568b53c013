"""Keys of partitions as names of files."""

from pathlib import Path
from urllib.parse import unquote

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intermodal.platform.errors import SpecError
from intermodal.resources.storage.file_names import MAX_NAME_BYTES, file_name
from intermodal.resources.storage.tables import ParquetTables

HOSTILE = ["../x", "a/b", "..", ".", "/etc", "a:b", "%2E%2E", "a%2Fb", "x.parquet", ".hidden", "C:\\x", "ü", "a b*?"]
TEXT = st.text(min_size=1) | st.text("./%:\\@~", min_size=1, max_size=12)


@given(TEXT)
def test_file_name_is_one_name_that_gives_the_key_again(key: str) -> None:
    try:
        name = file_name(key)
    except SpecError:
        assert len(key.encode("utf-8", "replace")) * 3 > MAX_NAME_BYTES or any("\ud800" <= c <= "\udfff" for c in key)
        return
    assert unquote(name) == key
    assert not set(name) & set('/\\:*?"<>|\0')
    assert not name.startswith(".")
    assert len(name.encode()) <= MAX_NAME_BYTES


@pytest.mark.parametrize("key", ["2013-01-01", "aws@eu-west-1", "2026-11-23T21-5d", "gcp"])
def test_file_name_of_known_partitions_stays(key: str) -> None:
    assert file_name(key) == key


@pytest.mark.parametrize("key", ["", "x" * 201, "\ud800"])
def test_file_name_that_no_store_takes_is_refused(key: str) -> None:
    with pytest.raises(SpecError, match="partition") as caught:
        file_name(key)
    assert caught.value.hint


def test_tables_with_hostile_keys_stay_in_their_folder(tmp_path: Path) -> None:
    tables = ParquetTables(address=str(tmp_path))
    for number, key in enumerate(HOSTILE):
        tables.write("m", "dataset", key, pd.DataFrame({"n": [number]}))
    assert {path.parent for path in tmp_path.rglob("*") if path.is_file()} == {tmp_path / "m" / "dataset"}
    assert sorted(tables.partitions("m", "dataset")) == sorted(HOSTILE)
    assert [int(tables.read("m", "dataset", key)["n"][0]) for key in HOSTILE] == list(range(len(HOSTILE)))
    tables.delete("m", "dataset", "../x")
    assert set(tables.partitions("m", "dataset")) == set(HOSTILE) - {"../x"}
