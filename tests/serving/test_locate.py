"""The model rule: the first place that has one, below the root."""

from pathlib import Path

import pytest

from intermodal.platform.protocol.package import DESCRIPTOR
from intermodal.serving.errors import StartError
from intermodal.serving.locate import find_models


def put(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / DESCRIPTOR).write_text("{}")
    return folder


def test_the_first_place_that_has_a_model_wins(tmp_path: Path) -> None:
    environment = {"AIP_STORAGE_URI": "/gcp", "AZUREML_MODEL_DIR": "/azure", "MODEL_URI": "file:///own%20place"}
    for place in ("model", "own place", "azure", "gcp", "opt/ml/model"):
        folder = put(tmp_path / place)
        assert find_models(environment, tmp_path) == [folder]


def test_an_empty_place_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "opt/ml/model").mkdir(parents=True)
    folder = put(tmp_path / "model")
    assert find_models({"AIP_STORAGE_URI": ""}, tmp_path) == [folder]


@pytest.mark.parametrize("below", ["artifacts", "1/artifacts"])
def test_azure_may_point_above_the_package(tmp_path: Path, below: str) -> None:
    folder = put(tmp_path / "mounted" / below)
    assert find_models({"AZUREML_MODEL_DIR": "/mounted"}, tmp_path) == [folder]


def test_a_remote_address_says_to_mount_it(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"AIP_STORAGE_URI is the remote address gs://b/m.*Mount"):
        find_models({"AIP_STORAGE_URI": "gs://b/m"}, tmp_path)


def test_nothing_anywhere_lists_the_places(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"opt/ml/model, AIP_STORAGE_URI \(not set\), .*MODEL_URI=.*/x.*Mount"):
        find_models({"MODEL_URI": "/x"}, tmp_path)


def test_a_place_may_hold_several_models(tmp_path: Path) -> None:
    folders = [put(tmp_path / "model" / name) for name in ("a", "b")]
    assert find_models({}, tmp_path) == folders


def test_a_relative_path_is_one_below_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "here")
    monkeypatch.chdir(tmp_path)
    assert find_models({"MODEL_URI": "here"}, tmp_path / "root") == [Path("here")]
