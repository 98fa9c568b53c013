"""A model in one function: months of rows, trained by the real assets with every port in memory."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd

from intermodal.assets.functions import ModelFunctions
from intermodal.assets.registry.version import version
from intermodal.assets.training import gates, model
from intermodal.platform.ports.registry import TrainingRecord
from intermodal.platform.ports.requirements import Locker
from intermodal.platform.spec import ModelSpec
from intermodal.platform.training.sources import Sources
from tests.assets.conftest import FakeMlflow
from tests.memory import MemoryLocker, MemoryPackageServer, MemoryRegistry, MemorySigner, MemoryTables

ROWS = 120


def rows(month: str) -> pd.DataFrame:
    """Numbers ``a`` and ``b`` and the target y = 3a - b with a little noise."""
    dice = np.random.default_rng(int(month[:4]) * 100 + int(month[5:7]))
    a, b = dice.normal(size=ROWS), dice.normal(size=ROWS)
    return pd.DataFrame({"a": a, "b": b, "y": 3 * a - b + dice.normal(scale=0.1, size=ROWS)})


def trees(X: pd.DataFrame, y: pd.Series) -> Any:
    from lightgbm import LGBMRegressor

    return LGBMRegressor(n_estimators=20, min_child_samples=5, verbose=-1, num_threads=1).fit(X, y)


def forest(X: pd.DataFrame, y: pd.Series) -> Any:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(n_estimators=10, random_state=0).fit(X, y)


def graded(table: pd.DataFrame) -> pd.DataFrame:
    """The target as one of the texts low, mid and top."""
    return table.assign(y=pd.cut(table["y"], [-99, -2, 2, 99], labels=["low", "mid", "top"]).astype(str))


def month(number: int) -> str:
    return f"2024-{number:02d}-01"


class Case:
    """One model and its registry. ``change`` gives a month's table its peculiarity."""

    def __init__(
        self,
        folder: Path,
        change: Callable[[str, pd.DataFrame], pd.DataFrame],
        fit: Callable[..., Any] = trees,
        metric: str | None = "rmse",
        baseline: Callable[..., Any] | None = None,
        sensitive: Sequence[str] = (),
        sources: Sources | None = None,
        locker: Locker | None = None,
        function: Callable[..., Any] | None = None,
        gate: Mapping[str, Any] = MappingProxyType({}),
        target: str | list[str] | None = "y",
    ) -> None:
        self.tables, self.registry, self._change, self._server = (
            MemoryTables(), MemoryRegistry(folder), change, MemoryPackageServer()
        )  # fmt: skip
        self.spec = ModelSpec.model_validate(
            {
                "name": "case",
                "owner": "team:tests",
                "data": {"function": "rows.rows", "partitions": {"monthly": {"start": "2024-01"}}},
                "features": {"function": "rows.features", "target": target, "sensitive": list(sensitive)},
                "train": {"function": "rows.fit", "window": 2},
                "gate": {"metric": metric, **({"better_than": "rows.guess"} if baseline else {}), **gate},
                "serve": ["aws/sagemaker"],
            }
        )
        self.functions = ModelFunctions(
            rows, lambda table: table, fit, baseline, "code", sources=sources, metric=function
        )
        self._mlflow, self.locker = FakeMlflow(), locker or MemoryLocker()

    def train(self, first: int = 1, *, server: Any = None) -> dg.ExecuteInProcessResult:
        """Train on two months from ``first`` and hold out the third."""
        for number in range(first, first + 3):
            self.tables.write("case", "features", month(number), self._change(month(number), rows(month(number))))
        definitions = [
            model.model(self.spec, self.functions),
            gates.quality(self.spec),
            gates.servable(self.spec),
            version(self.spec),
        ]
        resources = {
            "tables": self.tables,
            "registry": self.registry,
            "signer": MemorySigner(),
            "locker": self.locker,
            "package_server": server or self._server,
            "mlflow": self._mlflow,
        }
        return dg.materialize(definitions, resources=resources, raise_on_error=False)

    @property
    def record(self) -> TrainingRecord:
        return self.registry.candidate("case").record

    @property
    def champion(self) -> str | None:
        found = self.registry.champion("case")
        return found.version if found else None


def reasons(result: dg.ExecuteInProcessResult) -> Mapping[str, str]:
    """The reasons of each check, by its name."""
    return {e.check_name: str(e.metadata["reasons"].value) for e in result.get_asset_check_evaluations()}


def failure(result: dg.ExecuteInProcessResult) -> str:
    event = next(event for event in result.all_events if event.is_step_failure)
    return event.step_failure_data.error.to_string()  # type: ignore[union-attr]
