"""What callers and the log see of an error: all of it, no value of a sensitive column, or nothing about the rows."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intermodal.platform.protocol.signature import Column
from intermodal.serving.dataplane import DataPlane, open_plane
from intermodal.serving.errors import RequestError, StartError
from intermodal.serving.protocol.coerce import coercer
from intermodal.serving.settings import Settings
from tests.serving.conftest import Row
from tests.serving.driver import INFER, app_of, call

SECRET = "1600 Pennsylvania"
WRONG: list[tuple[str, Any, int]] = [
    ("/invocations", {"instances": [{"distance": SECRET}]}, 400),
    ("/invocations", {"dataframe_records": [{"hour": SECRET}]}, 400),
    ("/invocations", {"inputs": {"distance": [SECRET]}}, 400),
    ("/invocations", {"dataframe_split": {"columns": [SECRET], "data": [[1]]}}, 400),
    ("/invocations", {"dataframe_split": {"columns": [1], "data": [[SECRET]]}}, 400),
    (INFER, {"inputs": [{"name": "distance", "datatype": "BYTES", "shape": [1], "data": [SECRET]}]}, 400),
    (INFER, {"inputs": SECRET}, 400),
    (INFER, b"{" + SECRET.encode(), 400),
]
CSV = [(b"content-type", b"text/csv"), (b"x-request-id", b"r-7")]


class Picky:
    """A model that refuses its rows, with their values in its own words."""

    inline_rows, predict_numbers = 64, None

    def predict(self, _: Any) -> Any:
        raise ValueError(f"could not convert {SECRET} in distance")


@pytest.fixture
def guarded(plane: DataPlane) -> DataPlane:
    """The column distance was sensitive when the version was trained."""
    return DataPlane(replace(plane.package, sensitive=("distance",)), plane._runtime, "1.2.3")


@pytest.mark.parametrize(("path", "body", "status"), WRONG)
def test_short_error_has_the_status_and_the_request_id(
    plane: DataPlane, path: str, body: Any, status: int, caplog: Any
) -> None:
    full = call(app_of(plane), "POST", path, body)
    short = call(app_of(plane, short_errors=True), "POST", path, body, [(b"x-request-id", b"r-7")])
    assert (full.status, short.status) == (status, status)
    assert short.json == {"error": "The request is not valid. Request id: r-7"}
    assert f"request 'r-7' was refused with {status}: {full.json['error']}" in caplog.text


@pytest.mark.parametrize(("path", "body", "status"), WRONG)
def test_short_error_of_a_model_with_sensitive_columns_is_not_logged(
    guarded: DataPlane, path: str, body: Any, status: int, caplog: Any
) -> None:
    short = call(app_of(guarded, short_errors=True), "POST", path, body)
    assert short.status == status
    assert caplog.text == ""
    assert short.json["error"].startswith("The request is not valid. Request id: ")
    assert len(short.json["error"].rpartition(" ")[2]) == 32


def test_short_error_of_the_model_has_none_of_its_words(plane: DataPlane, row: Row, caplog: Any) -> None:
    picky = DataPlane(plane.package, Picky(), "1")  # type: ignore[arg-type]
    answer = call(app_of(picky, short_errors=True), "POST", "/invocations", {"instances": [row]})
    assert (answer.status, SECRET in answer.json["error"]) == (422, False)
    assert f"The model cannot take these rows: could not convert {SECRET}" in caplog.text


def test_short_errors_leave_errors_of_routes_and_loading_as_they_are(plane: DataPlane, row: Row) -> None:
    app, loading = app_of(plane, short_errors=True), app_of(plane, loaded=False, short_errors=True)
    assert "No such route" in call(app, "GET", "/nowhere").json["error"]
    assert call(app, "GET", "/invocations").status == 405
    answer = call(loading, "POST", "/invocations", {"instances": [row]})
    assert (answer.status, answer.json) == (503, {"error": "The model is still loading."})
    assert call(app, "POST", "/invocations", {"instances": [row]}).status == 200


def test_full_error_has_the_type_of_a_sensitive_value(guarded: DataPlane, row: Row) -> None:
    app = app_of(guarded)
    error = call(app, "POST", "/invocations", {"instances": [{**row, "distance": SECRET}]}).json["error"]
    assert error.startswith("Column 'distance', row 0: expected a finite number")
    assert error.endswith("got a text.")
    other = call(app, "POST", "/invocations", {"instances": [{**row, "hour": SECRET}]}).json["error"]
    assert other.endswith(f"got '{SECRET}'.")


def test_full_error_of_the_model_is_left_out_where_columns_are_sensitive(
    guarded: DataPlane, row: Row, caplog: Any
) -> None:
    picky = DataPlane(guarded.package, Picky(), "1")  # type: ignore[arg-type]
    answer = call(app_of(picky), "POST", "/invocations", {"instances": [row]})
    assert (answer.status, answer.json) == (422, {"error": "The model cannot take these rows."})
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (f"{SECRET},18,UA,false\n".encode(), "4 columns are unknown; this model takes: "),
        (f"{SECRET},{SECRET},UA,false\n".encode(), "a column of the header line is given twice"),
    ],
)
def test_csv_without_a_header_is_refused_without_its_values(guarded: DataPlane, body: bytes, words: str) -> None:
    answer = call(app_of(guarded), "POST", "/invocations", body, CSV)
    assert answer.status == 400
    assert words in answer.json["error"]
    assert SECRET not in answer.json["error"]


def test_columns_of_the_current_spec_are_hidden_too(lightgbm_package: Path, plane: DataPlane, row: Row) -> None:
    opened = open_plane(plane.package, lightgbm_package, "1.2.3", sensitive=("hour", "no input"))
    assert opened.hidden == {"hour"}
    error = call(app_of(opened), "POST", "/invocations", {"instances": [{**row, "hour": SECRET}]}).json["error"]
    assert error.endswith("got a text.")


VALUES = st.one_of(st.text(min_size=3), st.integers(100), st.floats(100), st.booleans(), st.lists(st.integers(100)))


@given(VALUES, st.sampled_from(["FP64", "INT8", "BOOL", "BYTES"]))
def test_hidden_column_never_quotes_its_value(value: Any, datatype: Any) -> None:
    plain, hidden = (_refusal(Column("c", datatype), value, hidden=hidden) for hidden in (False, True))
    assert bool(plain) == bool(hidden)
    words = ("a text.", "an integer.", "a number.", "true or false.", "a list.")
    assert not hidden or hidden.partition("got ")[2] in words


def _refusal(column: Column, value: Any, *, hidden: bool) -> str:
    try:
        coercer(column, hidden=hidden)([value], {})
    except RequestError as error:
        return error.message
    return ""


def test_settings_errors_are_full_or_short() -> None:
    assert not Settings.of({}).short_errors
    assert not Settings.of({"INTERMODAL_ERRORS": "full"}).short_errors
    assert Settings.of({"INTERMODAL_ERRORS": "short"}).short_errors
    with pytest.raises(StartError, match=r"INTERMODAL_ERRORS is 'brief'. Set it to full or short"):
        Settings.of({"INTERMODAL_ERRORS": "brief"})


class Failing:
    """A model with a fault of its own, whose text quotes a value."""

    inline_rows, predict_numbers = 64, None

    def predict(self, _: Any) -> Any:
        raise RuntimeError(f"no room for {SECRET}")


def test_failure_is_logged_without_its_text_where_columns_are_sensitive(
    plane: DataPlane, guarded: DataPlane, row: Row, caplog: Any
) -> None:
    for served, is_quoted in ((plane, True), (guarded, False)):
        caplog.clear()
        failing = DataPlane(served.package, Failing(), "1.2.3")
        assert call(app_of(failing), "POST", "/invocations", {"instances": [row]}).status == 500
        assert "RuntimeError" in caplog.text
        assert "in predict" in caplog.text
        assert (SECRET in caplog.text) is is_quoted
