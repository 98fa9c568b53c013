"""Whatever a team's function raises is wrapped: which function, file and line, month, and the original message."""

import functools
import inspect
import sys
from dataclasses import replace
from typing import Any

import dagster as dg
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from intermodal.assets.training import dataset
from intermodal.platform.errors import SpecError
from intermodal.platform.spec import Train
from tests.assets.training.team_functions import GOOD, SPEC, OnSize, Steps, even, fit
from tests.memory import MemoryTables


def raising(*_: Any, **__: Any) -> Any:
    raise ValueError("the warehouse\n  is closed")


def failing_in_a_library(*_: Any) -> Any:
    return pd.DataFrame({"a": [1]})["b"]


def leaving(*_: Any) -> Any:
    sys.exit("no licence")


def line_of(function: Any, text: str) -> str:
    lines, first = inspect.getsourcelines(function)
    return f"{__file__}:{first + next(number for number, line in enumerate(lines) if text in line)}"


FIELDS = {"load": "team.data for 2020-01", "features": "team.features for 2020-01", "fit": "team.fit"}


@pytest.mark.parametrize("field", [*FIELDS, "baseline"])
@pytest.mark.parametrize(
    ("function", "text", "message"),
    [
        (raising, "raise", "raised ValueError in {line}: the warehouse is closed."),
        (failing_in_a_library, "return", "raised KeyError in {line}: 'b'."),
        (leaving, "sys.exit", "raised SystemExit in {line}: no licence."),
    ],
)
def test_exception_in_a_function_names_it_and_its_line(
    steps: Steps, field: str, function: Any, text: str, message: str
) -> None:
    error = steps.error(**{field: function})
    assert FIELDS.get(field, "team.baseline") in str(error)
    assert message.format(line=line_of(function, text)) in str(error)
    assert isinstance(error, SpecError)
    assert error.__cause__ is not None
    assert type(error.__cause__).__name__ in str(error)


def test_exception_in_a_decorated_function_names_its_line(steps: Steps) -> None:
    @functools.cache
    def load(month: str) -> pd.DataFrame:
        raise RuntimeError(f"nothing in {month}")

    assert f"{line_of(load.__wrapped__, 'raise')}: nothing in 2020-01-01." in str(steps.error(load=load))


def test_exception_in_a_callable_object_names_its_line(steps: Steps) -> None:
    class Loader:
        def __call__(self, month: str) -> pd.DataFrame:
            raise RuntimeError(f"nothing in {month}")

    assert line_of(Loader.__call__, "raise") in str(steps.error(load=Loader()))
    assert line_of(raising, "raise") in str(steps.error(load=functools.partial(raising, "a")))


@pytest.mark.parametrize(
    ("field", "function", "words"),
    [
        ("load", lambda: 1, ["team.data", "too many positional arguments", "(month)", "()"]),
        ("features", lambda _rows, _more: 1, ["team.features", "'_more'", "(table)"]),
        ("fit", lambda _inputs: 1, ["team.fit", "(features, target, **hyperparameters)"]),
        ("baseline", lambda _inputs: 1, ["team.baseline", "(features, target)"]),
    ],
)
def test_function_with_other_arguments_names_the_form(
    steps: Steps, field: str, function: Any, words: list[str]
) -> None:
    message = str(steps.error(**{field: function}))
    for word in ["does not take its arguments", *words]:
        assert word in message, message


def _train(**hyperparameters: Any) -> Any:
    return SPEC.model_copy(update={"train": Train(function="team.fit", window=2, hyperparameters=hyperparameters)})


def _passes_on(inputs: pd.DataFrame, target: pd.Series, **hyperparameters: Any) -> Any:
    return LogisticRegression(**hyperparameters).fit(inputs[["size"]], target)


def _needs(inputs: pd.DataFrame, target: pd.Series, *, strength: float) -> Any:
    return fit(inputs, target, strength)


@pytest.mark.parametrize(
    ("function", "hyperparameters", "words"),
    [
        (fit, {"strenght": 1.0}, ["'strenght'", "strength: float = 1.0"]),
        (_needs, {}, ["'strength'", "strength: float"]),
        (fit, {"inputs": 1}, ["'inputs'", "(features, target, **hyperparameters)"]),
        (_passes_on, {"CC": 1.0}, ["TypeError", "'CC'", line_of(_passes_on, "LogisticRegression")]),
        (_passes_on, {"C": "high"}, ["InvalidParameterError", "'C'", line_of(_passes_on, "LogisticRegression")]),
    ],
)
def test_hyperparameter_that_is_not_taken_is_named(
    steps: Steps, function: Any, hyperparameters: Any, words: list[str]
) -> None:
    message = str(steps.error(_train(**hyperparameters), fit=function))
    for word in ["team.fit", *words]:
        assert word in message, message


def test_hyperparameters_may_be_null_lists_and_exponents(steps: Steps) -> None:
    given: dict[str, Any] = {}

    def keep(_inputs: pd.DataFrame, _target: pd.Series, **hyperparameters: Any) -> Any:
        given.update(hyperparameters)
        return OnSize(even)

    assert steps.run(_train(depth=None, layers=[100, "1e2"], rate="1e-3", name="e3"), fit=keep)
    assert given == {"depth": None, "layers": [100, 100.0], "rate": 0.001, "name": "e3"}


def test_run_of_dagster_shows_the_error_and_its_cause() -> None:
    functions = replace(GOOD, load=raising)
    result = dg.materialize(
        [dataset.dataset(SPEC, functions)],
        resources={"tables": MemoryTables()},
        partition_key="2020-01-01",
        raise_on_error=False,
    )
    failure = result.failure_data_for_node("trains__dataset")
    assert failure is not None
    assert failure.error is not None
    assert failure.error.cause is not None
    text = failure.error.cause.to_string()
    for word in ("SpecError: team.data for 2020-01", "Correct the function at that line", "ValueError: the warehouse"):
        assert word in text, text
