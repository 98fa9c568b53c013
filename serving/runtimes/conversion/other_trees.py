"""Which trees of scikit-learn LightGBM predicts with in the same way.

What converts them needs NumPy, and is imported in training only: the image of LightGBM's format has no NumPy.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from intermodal.platform.protocol.conversion import Conversion, NotConvertible
from intermodal.platform.protocol.signature import FLOATS, Column

if TYPE_CHECKING:
    from intermodal.serving.runtimes.conversion.lightgbm_text import Model

HIST = "sklearn.ensemble._hist_gradient_boosting.gradient_boosting"
KINDS = {
    HIST: ("HistGradientBoostingClassifier", "HistGradientBoostingRegressor"),
    "sklearn.ensemble._forest": (
        *("RandomForestClassifier", "RandomForestRegressor", "ExtraTreesClassifier", "ExtraTreesRegressor"),
    ),
    "sklearn.tree._classes": (
        *("DecisionTreeClassifier", "DecisionTreeRegressor", "ExtraTreeClassifier", "ExtraTreeRegressor"),
    ),
    "sklearn.ensemble._gb": ("GradientBoostingClassifier", "GradientBoostingRegressor"),
}
"""Classes by module."""


def takes(estimator: Any) -> bool:
    """Whether it is one of the classes itself: a subclass may predict otherwise. It imports nothing."""
    return type(estimator).__name__ in KINDS.get(type(estimator).__module__, ())


def conversion(estimator: Any, columns: Sequence[Column]) -> Conversion:
    """What has to be compared. NotConvertible if LightGBM would predict otherwise for some rows."""
    from intermodal.serving.runtimes.conversion.lightgbm_text import ZERO

    model = _model(estimator, columns)
    splits = {c.name: found for c, found in zip(columns, model.thresholds(len(columns)), strict=True)}
    for column in columns:
        if column.datatype in FLOATS and any(value and -ZERO <= value < ZERO for value in splits[column.name]):
            raise NotConvertible(
                f"the column '{column.name}' is split between 0 and {ZERO:.0e}, which LightGBM reads as zero"
            )
    return Conversion(splits, model.is_exact, ZERO)


def text(estimator: Any, columns: Sequence[Column]) -> str:
    """The trees as LightGBM's text, which has no values of rows. NotConvertible as of ``conversion``."""
    return _model(estimator, columns).text(len(columns))


def _model(estimator: Any, columns: Sequence[Column]) -> "Model":
    from intermodal.serving.runtimes.conversion import hist_trees, sklearn_trees

    names = getattr(estimator, "feature_names_in_", None)
    if estimator.n_features_in_ != len(columns) or (names is not None and list(names) != [c.name for c in columns]):
        raise NotConvertible("its features are not the columns of the signature")
    if type(estimator).__module__ == HIST:
        return hist_trees.model_of(estimator, columns)
    return sklearn_trees.model_of(estimator, columns)
