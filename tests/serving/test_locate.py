"""The first model location that has a package is served."""

from pathlib import Path

import pytest

from intermodal.platform.protocol.package import DESCRIPTOR
from intermodal.serving.errors import StartError
from intermodal.serving.locate import find_models


def put(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / DESCRIPTOR).write_text("{}")
    return folder


def test_find_models_first_location_with_model_wins(tmp_path: Path) -> None:
    environment = {"AIP_STORAGE_URI": "/gcp", "AZUREML_MODEL_DIR": "/azure", "MODEL_URI": "file:///own%20folder"}
    for location in ("model", "own folder", "azure", "gcp", "opt/ml/model"):
        folder = put(tmp_path / location)
        assert find_models(environment, tmp_path) == [folder]


def test_find_models_empty_location_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "opt/ml/model").mkdir(parents=True)
    folder = put(tmp_path / "model")
    assert find_models({"AIP_STORAGE_URI": ""}, tmp_path) == [folder]


@pytest.mark.parametrize("below", ["artifacts", "1/artifacts"])
def test_find_models_location_above_package_is_found(tmp_path: Path, below: str) -> None:
    folder = put(tmp_path / "mounted" / below)
    assert find_models({"AZUREML_MODEL_DIR": "/mounted"}, tmp_path) == [folder]


def test_find_models_remote_address_raises(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"AIP_STORAGE_URI is the remote address gs://b/m.*Mount"):
        find_models({"AIP_STORAGE_URI": "gs://b/m"}, tmp_path)


def test_find_models_no_model_lists_locations(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"opt/ml/model, AIP_STORAGE_URI \(not set\), .*MODEL_URI=.*/x.*Mount"):
        find_models({"MODEL_URI": "/x"}, tmp_path)


def test_find_models_several_models_are_returned(tmp_path: Path) -> None:
    folders = [put(tmp_path / "model" / name) for name in ("a", "b")]
    assert find_models({}, tmp_path) == folders


def test_find_models_relative_path_is_below_cwd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "here")
    monkeypatch.chdir(tmp_path)
    assert find_models({"MODEL_URI": "here"}, tmp_path / "root") == [Path("here")]
