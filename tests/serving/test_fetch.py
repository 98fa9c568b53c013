"""A package at an address is copied; anything else is left as it is."""

from pathlib import Path

import obstore
import pytest
from obstore.store import MemoryStore

from intermodal.platform.protocol.package import DESCRIPTOR
from intermodal.serving.errors import StartError
from intermodal.serving.fetch import fetched
from intermodal.serving.locate import find_models


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> MemoryStore:
    """What is at gs://models/m/1."""
    found = MemoryStore()

    def opened(bucket: str, *, prefix: str | None, **_: object) -> MemoryStore:
        assert (bucket, prefix) == ("models", "m/1")
        return found

    monkeypatch.setattr("obstore.store.GCSStore", opened)
    return found


def test_fetched_package_is_found(store: MemoryStore, tmp_path: Path) -> None:
    for name in (DESCRIPTOR, "code/model.py"):
        obstore.put(store, name, b"{}")
    environment = {"AIP_STORAGE_URI": "gs://models/m/1/", "A": "1"}
    found = fetched(environment, tmp_path)
    (folder,) = find_models(found, tmp_path)
    assert folder.is_relative_to(tmp_path / "tmp")
    assert (folder / "code/model.py").read_bytes() == b"{}"
    assert found["A"] == "1"
    assert environment["AIP_STORAGE_URI"] == "gs://models/m/1/"


@pytest.mark.usefixtures("store")
def test_fetched_empty_address_is_named(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"AIP_STORAGE_URI=gs://models/m/1 holds no objects") as caught:
        fetched({"AIP_STORAGE_URI": "gs://models/m/1"}, tmp_path)
    assert caught.value.hint


@pytest.mark.parametrize("environment", [{}, {"AIP_STORAGE_URI": "/mnt/model"}, {"MODEL_URI": "gs://b/m"}])
def test_fetched_folder_is_left_as_it_is(environment: dict[str, str], tmp_path: Path) -> None:
    assert fetched(environment, tmp_path) is environment
    assert list(tmp_path.iterdir()) == []
