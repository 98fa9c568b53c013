"""Azurite: pinned, installed where we say, and its absence said in words."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from obstore.store import AzureStore

from intermodal.platform.errors import IntermodalError
from intermodal.sandbox.azure import azurite
from tests.sandbox_fixture import Sandbox

HERE = azurite.HERE


def test_lock_file_names_no_registry() -> None:
    lock = json.loads((HERE / "package-lock.json").read_text(encoding="utf-8"))
    assert lock["packages"]["node_modules/azurite"]["version"] == "3.37.0"
    assert not [name for name, package in lock["packages"].items() if "resolved" in package]
    assert all("integrity" in package for name, package in lock["packages"].items() if name)


def test_missing_install_names_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTERMODAL_NODE_MODULES", str(tmp_path / "node_modules"))
    with pytest.raises(IntermodalError, match="azurite install"):
        azurite.command()


@pytest.mark.sandbox
def test_blobs_survive_an_outage(variables: Mapping[str, str], sandbox: Sandbox) -> None:
    store = AzureStore(
        variables["INTERMODAL_AZURE_CONTAINER"],
        config={
            "account_name": variables["INTERMODAL_AZURE_STORAGE_ACCOUNT"],
            "account_key": variables["AZURE_STORAGE_ACCOUNT_KEY"],
            "endpoint": variables["INTERMODAL_AZURE_STORAGE_ENDPOINT"],
        },
        client_options={"allow_http": True},
    )
    names = [f"survivors/ä b+{number}.bin" for number in range(20)]
    for name in names:
        store.put(name, name.encode() * 1000)
    sandbox.outage("azure")
    sandbox.start("azure")
    assert sorted(meta["path"] for meta in store.list("survivors").collect()) == sorted(names)
    assert store.get(names[-1]).bytes() == names[-1].encode() * 1000
