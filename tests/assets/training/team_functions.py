"""A model whose functions a test replaces, and the steps that call them, with every port in memory."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from intermodal.assets.functions import ModelFunctions
from intermodal.assets.training import configuration, dataset, model
from intermodal.platform.errors import IntermodalError
from intermodal.platform.spec import Data, Features, Gate, ModelSpec, Train
from intermodal.platform.spec.partitions import Months, Partitions
from tests.assets.conftest import MONTHS, FakeMlflow
from tests.memory import MemoryLocker, MemoryPackageServer, MemoryRegistry, MemoryTables

ROWS = 12


def data(month: str) -> pd.DataFrame:
    numbers = np.arange(ROWS, dtype=float) + pd.Timestamp(month).month
    return pd.DataFrame(
        {
            "key": [f"{month}-{row}" for row in range(ROWS)],
            "size": numbers,
            "word": ["red", "blue", "green"] * (ROWS // 3),
            "late": numbers.astype("int64") % 2,
        }
    )


def features(rows: pd.DataFrame) -> pd.DataFrame:
    return rows


def fit(inputs: pd.DataFrame, target: pd.Series, strength: float = 1.0) -> Any:
    return LogisticRegression(C=strength).fit(inputs[["size"]], target)


class OnSize:
    """Predicts from one column, without a base class of scikit-learn's."""

    def __init__(self, outputs: Callable[[pd.DataFrame], Any], classes: Any = (0, 1)) -> None:
        self.classes_, self.predict_proba = np.asarray(classes), outputs

    def predict(self, inputs: pd.DataFrame) -> np.ndarray:
        return self.classes_[np.zeros(len(inputs), dtype=int)]


class Regression:
    def __init__(self, outputs: Callable[[pd.DataFrame], Any]) -> None:
        self.predict = outputs


def even(inputs: pd.DataFrame) -> np.ndarray:
    return np.full((len(inputs), 2), 0.5)


def fit_even(inputs: pd.DataFrame, target: pd.Series, **_: Any) -> OnSize:  # noqa: ARG001
    return OnSize(even)


def baseline(inputs: pd.DataFrame, target: pd.Series) -> Callable[[pd.DataFrame], np.ndarray]:  # noqa: ARG001
    return lambda rows: np.full(len(rows), float(target.mean()))


SPEC = ModelSpec(
    name="trains",
    owner="team:rails",
    data=Data(function="team.data", partitions=Partitions(monthly=Months(start="2020-01"))),
    features=Features(function="team.features", target="late", id="key"),
    train=Train(function="team.fit", window=2),
    gate=Gate(metric="log_loss", better_than="team.baseline"),
    serve=["aws/sagemaker"],
)
GOOD = ModelFunctions(data, features, fit_even, baseline, code="code")


@dataclass
class Steps:
    """Runs the steps dataset, features and model with functions of a test. The model's is invoked directly, because a
    Dagster run for each case takes most of a second."""

    folder: Path

    def run(self, spec: ModelSpec = SPEC, **functions: Any) -> dict[str, float]:
        """The metrics of the candidate. The exception of the first step that fails, as the function's caller
        raised it."""
        made = replace(GOOD, **functions)
        tables, registry = MemoryTables(), MemoryRegistry(self.folder)
        if functions.keys() & {"load", "features"}:
            assets = [dataset.dataset(spec, made), dataset.features(spec, made)]
            with dg.DagsterInstance.ephemeral() as instance:
                dg.materialize(assets, resources={"tables": tables}, tags=MONTHS, instance=instance)
        else:
            for month in ("2020-01-01", "2020-02-01", "2020-03-01"):
                tables.write(spec.name, "features", month, data(month))
        config = configuration.training_config(spec)()
        with dg.build_asset_context() as context:
            ports = {
                "tables": tables,
                "registry": registry,
                "package_server": MemoryPackageServer(),
                "locker": MemoryLocker(),
            }
            model.model(spec, made)(context, config, **ports, mlflow=FakeMlflow())
        return dict(registry.candidate(spec.name).record.metrics)

    def error(self, spec: ModelSpec = SPEC, **functions: Any) -> IntermodalError:
        """The error that a run with these functions ends with. It must be written for a person: a raw exception goes
        through and fails the test."""
        with pytest.raises(IntermodalError) as caught:
            self.run(spec, **functions)
        assert caught.value.hint, f"no hint: {caught.value}"
        return caught.value
