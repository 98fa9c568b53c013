"""A package that the server reads from a bucket by itself."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import obstore
import pytest
from obstore.store import LocalStore

from intermodal.platform.protocol.package import DESCRIPTOR
from intermodal.serving.errors import StartError
from intermodal.serving.fetch import fetched
from intermodal.serving.locate import find_models

PREFIX = "flight_delay/1.2.0"
ADDRESSES = {"MODEL_URI": f"s3://bucket/{PREFIX}", "AIP_STORAGE_URI": f"gs://bucket/{PREFIX}/"}


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder instead of every bucket; the prefix is a folder in it."""
    folder = tmp_path / "bucket"
    folder.mkdir()

    def opened(_name: str, prefix: str | None = None, **_: Any) -> LocalStore:
        return LocalStore(folder / (prefix or ""))

    for name in ("S3Store", "GCSStore", "AzureStore"):
        monkeypatch.setattr(f"obstore.store.{name}", opened)
    return folder


@pytest.fixture
def put(bucket: Path) -> Callable[[str, str], None]:
    store = LocalStore(bucket)
    return lambda key, text: obstore.put(store, f"{PREFIX}/{key}", text.encode()) and None


@pytest.mark.parametrize("uri", ["", "/mnt/model", "file:///mnt/model"])
@pytest.mark.parametrize("variable", ADDRESSES)
def test_fetched_of_no_bucket_changes_nothing(tmp_path: Path, variable: str, uri: str) -> None:
    environment = {variable: uri, "PORT": "8080"}
    assert fetched(environment, tmp_path) is environment
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("variable", ADDRESSES)
def test_fetched_package_is_found(tmp_path: Path, put: Callable[[str, str], None], variable: str) -> None:
    put(DESCRIPTOR, "{}")
    put("code/model.py", "x")
    environment = {variable: ADDRESSES[variable], "PORT": "8080"}
    found = fetched(environment, tmp_path / "root")
    assert found == {variable: "/tmp/intermodal-model", "PORT": "8080"}
    (folder,) = find_models(found, tmp_path / "root")
    assert folder == tmp_path / "root/tmp/intermodal-model"
    assert (folder / "code/model.py").read_text() == "x"
    assert environment[variable] == ADDRESSES[variable]


@pytest.mark.parametrize("host", ["https://account.blob.core.windows.net", "http://127.0.0.1:4531/account"])
def test_fetched_of_a_blob_address_is_found(tmp_path: Path, put: Callable[[str, str], None], host: str) -> None:
    put(DESCRIPTOR, "{}")
    found = fetched({"MODEL_URI": f"{host}/container/{PREFIX}"}, tmp_path)
    assert (tmp_path / found["MODEL_URI"].lstrip("/") / DESCRIPTOR).read_text() == "{}"


def test_fetched_again_keeps_no_file_of_before(tmp_path: Path, put: Callable[[str, str], None]) -> None:
    put("model.json", "{}")
    (tmp_path / "tmp/intermodal-model").mkdir(parents=True)
    (tmp_path / "tmp/intermodal-model/old").touch()
    fetched({"MODEL_URI": ADDRESSES["MODEL_URI"]}, tmp_path)
    assert [path.name for path in (tmp_path / "tmp/intermodal-model").iterdir()] == ["model.json"]


@pytest.mark.parametrize("variable", ADDRESSES)
def test_fetched_of_an_empty_prefix_names_it(tmp_path: Path, bucket: Path, variable: str) -> None:
    (bucket / PREFIX).mkdir(parents=True)
    with pytest.raises(StartError, match=f"{variable} is {ADDRESSES[variable]}.*no object") as caught:
        fetched({variable: ADDRESSES[variable]}, tmp_path)
    assert "role" in caught.value.hint
