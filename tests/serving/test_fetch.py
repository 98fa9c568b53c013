"""A package that the server reads from a bucket by itself."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import obstore
import pytest
from obstore.store import LocalStore

from intermodal.serving.errors import StartError
from intermodal.serving.fetch import fetched

URI = "s3://bucket/flight_delay/1.2.0"


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder instead of every bucket; the prefix is a folder in it."""
    folder = tmp_path / "bucket"
    folder.mkdir()

    def opened(_name: str, prefix: str | None = None, **_: Any) -> LocalStore:
        return LocalStore(folder / (prefix or ""))

    monkeypatch.setattr("obstore.store.S3Store", opened)
    return folder


@pytest.fixture
def put(bucket: Path) -> Callable[[str, str], None]:
    store = LocalStore(bucket)
    return lambda key, text: obstore.put(store, f"flight_delay/1.2.0/{key}", text.encode()) and None


@pytest.mark.parametrize("uri", ["", "/mnt/model", "file:///mnt/model", "gs://bucket/model"])
def test_fetched_of_no_bucket_changes_nothing(tmp_path: Path, uri: str) -> None:
    environment = {"MODEL_URI": uri, "PORT": "8080"}
    assert fetched(environment, tmp_path) == environment
    assert list(tmp_path.iterdir()) == []


def test_fetched_copies_every_object_below_the_prefix(tmp_path: Path, put: Callable[[str, str], None]) -> None:
    put("model.json", "{}")
    put("deep/er/file", "x")
    found = fetched({"MODEL_URI": URI, "PORT": "8080"}, tmp_path / "root")
    assert found == {"MODEL_URI": "/tmp/intermodal-model", "PORT": "8080"}
    copy = tmp_path / "root/tmp/intermodal-model"
    assert (copy / "model.json").read_text() == "{}"
    assert (copy / "deep/er/file").read_text() == "x"


def test_fetched_again_keeps_no_file_of_before(tmp_path: Path, put: Callable[[str, str], None]) -> None:
    put("model.json", "{}")
    (tmp_path / "tmp/intermodal-model").mkdir(parents=True)
    (tmp_path / "tmp/intermodal-model/old").touch()
    fetched({"MODEL_URI": URI}, tmp_path)
    assert [path.name for path in (tmp_path / "tmp/intermodal-model").iterdir()] == ["model.json"]


def test_fetched_of_an_empty_prefix_names_it(tmp_path: Path, bucket: Path) -> None:
    (bucket / "flight_delay/1.2.0").mkdir(parents=True)
    with pytest.raises(StartError, match=f"{URI}.*no object") as caught:
        fetched({"MODEL_URI": URI}, tmp_path)
    assert "role" in caught.value.hint
