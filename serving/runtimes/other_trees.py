"""Which trees of scikit-learn LightGBM predicts with in the same way. It is used in training only."""

from collections.abc import Sequence
from typing import Any

from intermodal.platform.protocol.conversion import NotConvertible
from intermodal.platform.protocol.signature import FLOATS, Column
from intermodal.serving.runtimes import hist_trees, sklearn_trees
from intermodal.serving.runtimes.lightgbm_text import ZERO, Model


def takes(estimator: Any) -> bool:
    """Whether it is one of the classes. It imports nothing."""
    return hist_trees.is_hist(estimator) or sklearn_trees.is_tree(estimator)


def model_of(estimator: Any, columns: Sequence[Column]) -> Model:
    """The estimator's trees. NotConvertible if LightGBM would predict otherwise for some rows."""
    model_of_kind = hist_trees.model_of if hist_trees.is_hist(estimator) else sklearn_trees.model_of
    model = model_of_kind(estimator, columns)
    for column, thresholds in zip(columns, model.thresholds(len(columns)), strict=True):
        if column.datatype in FLOATS and any(value and -ZERO <= value < ZERO for value in thresholds):
            raise NotConvertible(
                f"the column '{column.name}' is split between 0 and {ZERO:.0e}, which LightGBM reads as zero"
            )
    return model
