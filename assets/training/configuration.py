"""The run configuration of ``<model>/model``."""

from typing import Any

import dagster as dg
from pydantic import create_model

from intermodal.platform.spec import ModelSpec


def training_config(spec: ModelSpec) -> type[dg.Config]:
    """The run configuration: the spec's hyperparameters with its values as defaults, and the partition to hold out."""
    hyperparameters: Any = create_model(
        "Hyperparameters",
        __base__=dg.Config,
        **{name: (_type_of(value), value) for name, value in spec.train.hyperparameters.items()},  # type: ignore[call-overload]
    )
    return create_model(
        "TrainingConfig",
        __base__=dg.Config,
        hyperparameters=(hyperparameters, hyperparameters()),
        holdout=(str, ""),
    )


def _type_of(value: Any) -> Any:
    """The type that a run may give instead of a default. Null and a list have none that Dagster could hold a value
    against."""
    return Any if value is None or isinstance(value, list) else type(value)
