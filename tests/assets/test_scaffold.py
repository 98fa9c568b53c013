"""What ``dg scaffold defs intermodal.assets.Model`` writes is sound, and its functions run as they are."""

import importlib.util
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pytest
import yaml
from dagster.components.scaffold.scaffold import NoParams, get_scaffolder

from intermodal.assets import Model
from intermodal.assets.scaffold import ModelScaffolder
from intermodal.platform.spec import ModelSpec
from intermodal.platform.training.dataframes import columns_of
from intermodal.platform.training.fit import fit
from intermodal.platform.training.metrics import score


def scaffold(folder: Path, form: Any = "yaml") -> None:
    folder.mkdir()
    request = dg.ScaffoldRequest("intermodal.assets.Model", folder, form, folder.parent, NoParams())
    ModelScaffolder().scaffold(request)


def functions(folder: Path) -> Any:
    loader = importlib.util.spec_from_file_location("scaffolded", folder / "model.py")
    assert loader is not None
    assert loader.loader is not None
    module = importlib.util.module_from_spec(loader)
    loader.loader.exec_module(module)
    return module


def test_scaffold_is_of_the_component() -> None:
    assert isinstance(get_scaffolder(Model), ModelScaffolder)


def test_scaffold_writes_a_model_that_trains_and_beats_its_baseline(tmp_path: Path) -> None:
    scaffold(tmp_path / "no_show")
    document = yaml.safe_load((tmp_path / "no_show" / "defs.yaml").read_text())
    spec = ModelSpec.model_validate(document["attributes"])
    assert (document["type"], spec.name) == ("intermodal.assets.Model", "no_show")
    module = functions(tmp_path / "no_show")
    rows, held_out = (module.features(module.rows(month)) for month in ("2024-01-01", "2024-02-01"))
    inputs, target = rows.drop(columns=spec.features.target), rows[spec.features.target]
    fitted = fit(module.fit, inputs, target, spec.train.hyperparameters, columns_of(inputs))
    baseline = module.baseline(inputs, target)
    truth = held_out[spec.features.target]
    assert np.shape(baseline(held_out)) == (len(held_out),)
    predictions = fitted.predict(held_out.drop(columns=spec.features.target))
    assert score(spec.gate.metric, truth, predictions, fitted.task, fitted.classes) > 0.6
    example = pd.read_csv(tmp_path / "no_show" / "example.csv")
    assert list(example) == list(inputs)
    assert len(fitted.predict(example)) == len(example)


def test_scaffold_with_a_bad_name_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'No-Show' is no name for a model"):
        scaffold(tmp_path / "No-Show")
    assert list(tmp_path.iterdir()) == []


def test_scaffold_in_python_writes_the_components_own_form(tmp_path: Path) -> None:
    scaffold(tmp_path / "no_show", "python")
    assert [path.name for path in (tmp_path / "no_show").iterdir()] == ["component.py"]
