"""The data plane without HTTP: all forms of body give the same predictions."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from intermodal.platform.protocol.package import DESCRIPTOR, GOLDEN, Golden, Package
from intermodal.platform.protocol.parity import holds
from intermodal.platform.protocol.v2 import predictions, request_body
from intermodal.serving.dataplane import DataPlane
from intermodal.serving.errors import RequestError, StartError
from tests.serving.conftest import FLIGHTS, Row, plane_of


def predict(plane: DataPlane, body: Any, media: Any = "json") -> Any:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return json.loads(plane.answer(plane.read_any(raw, media)).body)


@pytest.fixture
def expected(plane: DataPlane, row: Row) -> float:
    return predictions(plane.answer(plane.read_v2(request_body(FLIGHTS, [row]), "json")).body)[0][0]


def test_plane_every_form_gives_same_prediction(plane: DataPlane, row: Row, expected: float) -> None:
    names, values = list(row), list(row.values())
    forms: list[Any] = [
        {"instances": [row]},
        {"instances": [values], "parameters": {}},
        {"dataframe_split": {"index": [0], "columns": names[::-1], "data": [values[::-1]]}},
        {"dataframe_records": [row], "params": {}},
        {"inputs": {name: [value] for name, value in row.items()}},
    ]
    for form in forms:
        assert predict(plane, form) == {"predictions": [expected]}
    text = ",".join(names) + "\r\n" + ",".join(str(value) for value in values) + "\r\n"
    assert predict(plane, text.encode(), "csv") == {"predictions": [expected]}
    assert predict(plane, request_body(FLIGHTS, [row]))["outputs"][0]["data"] == [expected]


def test_plane_inline_rows_by_format(plane: DataPlane, sklearn_plane: DataPlane, sides: DataPlane) -> None:
    for each in (plane, sklearn_plane, sides):
        assert each.inline_rows == 0 or each.inline_rows > 64


def test_plane_concurrent_threads_get_own_predictions(plane: DataPlane, row: Row) -> None:
    bodies = [request_body(FLIGHTS, [{**row, "distance": distance}]) for distance in (100.0, 900.0, 2900.0)]
    calls = [plane.read_v2(body, "json") for body in bodies]
    alone = [plane.answer(call).values for call in calls]
    assert len({values[0] for values in alone}) > 1
    with ThreadPoolExecutor(3) as pool:
        wrong = pool.map(lambda i: sum(plane.answer(calls[i]).values != alone[i] for _ in range(30_000)), range(3))
        assert list(wrong) == [0, 0, 0]


def test_plane_null_nan_and_absent_are_missing(plane: DataPlane, sklearn_plane: DataPlane, row: Row) -> None:
    for each in (plane, sklearn_plane):
        without = {name: value for name, value in row.items() if name not in ("wind", "seats", "engine")}
        nulls = {**row, "wind": None, "seats": None, "engine": None}
        nans = {**row, "wind": float("nan"), "seats": float("nan"), "engine": float("nan")}
        answers = [predict(each, {"instances": [rows]}) for rows in (without, nulls, nans)]
        assert answers[0] == answers[1] == answers[2]
        v2 = [t for t in json.loads(request_body(FLIGHTS, [row]))["inputs"] if t["name"] in without]
        assert predict(each, {"inputs": v2})["outputs"][0]["data"] == answers[0]["predictions"]
        header, cells = ",".join(row), ",".join("" if nulls[n] is None else str(nulls[n]) for n in row)
        assert predict(each, f"{header}\n{cells}".encode(), "csv") == answers[0]


def test_plane_multiclass_gives_matrix(sides: DataPlane) -> None:
    body = {"inputs": [{"name": "all", "datatype": "FP64", "shape": [2, 2], "data": [-2, 0, 2, 0]}]}
    output = predict(sides, body)["outputs"][0]
    assert output["shape"] == [2, 3]
    rows = np.array(output["data"]).reshape(2, 3)
    assert np.allclose(rows.sum(axis=1), 1)
    assert list(rows.argmax(axis=1)) == [0, 2]
    assert output["parameters"] == {"class_0": "left", "class_1": "middle", "class_2": "right"}
    assert predict(sides, {"instances": [[-2, 0], [2, 0]]})["predictions"] == rows.tolist()
    nested = {"inputs": [{"name": "all", "datatype": "FP32", "shape": [2, 2], "data": [[-2, 0], [2, 0]]}]}
    assert predict(sides, nested)["outputs"][0] == output


def test_plane_v2_shape_n_1_is_accepted_and_id_echoed(plane: DataPlane, row: Row, expected: float) -> None:
    inputs = json.loads(request_body(FLIGHTS, [row]))["inputs"]
    for tensor in inputs:
        tensor["shape"], tensor["data"] = [1, 1], [tensor["data"]]
    answer = predict(plane, {"id": "42", "parameters": {"a": 1}, "inputs": inputs, "outputs": [{"name": "late"}]})
    assert answer == {
        "model_name": "flight_delay",
        "model_version": "1.2.3",
        "id": "42",
        "outputs": [{"name": "late", "datatype": "FP64", "shape": [1], "data": [expected]}],
    }


def test_plane_no_rows_give_empty_output(plane: DataPlane, sides: DataPlane) -> None:
    output = predict(plane, request_body(FLIGHTS, []))["outputs"][0]
    assert (output["shape"], output["data"]) == ([0], [])
    assert predict(plane, {"instances": []}) == {"predictions": []}
    none = {"inputs": [{"name": n, "datatype": "FP64", "shape": [0], "data": []} for n in "xy"]}
    assert predict(sides, none)["outputs"][0]["shape"] == [0, 3]


def test_plane_unseen_category_is_missing_and_recorded(plane: DataPlane, row: Row) -> None:
    call = plane.read_any(json.dumps({"instances": [{**row, "engine": "steam"}, row]}).encode(), "json")
    assert call.table.unseen == {"engine": {0: "steam"}}
    assert predict(plane, {"instances": [{**row, "engine": "steam"}]}) == predict(
        plane, {"instances": [{**row, "engine": None}]}
    )


def test_plane_required_category_may_be_unseen_not_missing(plane: DataPlane, row: Row) -> None:
    assert predict(plane, {"instances": [{**row, "carrier": "ZZ"}]})["predictions"]
    with pytest.raises(RequestError, match=r"'carrier', row 0: the value is missing, expected a string"):
        predict(plane, {"instances": [{**row, "carrier": None}]})


SENTENCES = [
    ({}, "exactly one of"),
    ({"instances": [], "dataframe_records": []}, "exactly one of"),
    ({"inputs": []}, "'inputs' is empty; this model takes: distance, hour"),
    ({"instances": [3]}, "'instances', row 0: expected an object in every row or a list in every row"),
    ({"instances": [{}, []]}, "'instances', row 0: expected an object"),
    ({"instances": [[1, 2]]}, "row 0: expected 7 values, got 2"),
    ({"dataframe_records": [{"distanze": 1}]}, "Unknown column 'distanze'; this model takes: distance, hour"),
    ({"dataframe_records": [{}]}, "Column 'distance', row 0: the value is missing"),
    ({"dataframe_split": {"columns": ["hour", "hour"], "data": []}}, "column 'hour' is given twice"),
    ({"dataframe_split": {"columns": ["hour"], "data": [[1], []]}}, "row 1: expected 1 values, got 0"),
    ({"dataframe_split": {"data": []}}, "missing required field `columns`"),
    ({"inputs": {"hour": [1, 2], "distance": [1]}}, "column 'distance' has 1 values, others have 2"),
    ({"inputs": {"hour": [1]}}, "Column 'distance' is absent, expected a finite number"),
    ({"inputs": "x"}, r"Expected `object | array | null`, got `str` - at `$.inputs`"),
    ([], "Expected `object`, got `array`"),
]


@pytest.mark.parametrize(("body", "sentence"), SENTENCES)
def test_plane_invalid_body_error_names_expectation(plane: DataPlane, body: Any, sentence: str) -> None:
    with pytest.raises(RequestError) as rejected:
        predict(plane, body)
    assert sentence in rejected.value.message
    assert rejected.value.status == 400


TENSORS = [
    ({"shape": [2]}, "shape and data disagree, 2 rows and 1 values"),
    ({"shape": []}, r"expected the shape [n] or [n, 1]"),
    ({"shape": [-1]}, r"expected the shape [n] or [n, 1]"),
    ({"shape": [1, 1, 1]}, r"expected the shape [n] or [n, 1]"),
    ({"shape": [2, 1], "data": [[1], 2]}, "row 1: expected a list of 1 values"),
    ({"shape": [10**30]}, "an integer of 100 bits rows"),
    ({"datatype": "FP63"}, "unknown datatype 'FP63'"),
    ({"name": "hour"}, "Input 'hour' is given twice"),
    ({"name": "wond"}, "Unknown column 'wond'"),
    ({"shape": [2], "data": [1, 2]}, "all inputs need the same number"),
    ({"data": None}, "Expected `array`, got `null`"),
]


@pytest.mark.parametrize(("change", "sentence"), TENSORS)
def test_plane_invalid_tensor_error_names_it(plane: DataPlane, row: Row, change: Any, sentence: str) -> None:
    body = json.loads(request_body(FLIGHTS, [row]))
    body["inputs"][3].update(change)
    with pytest.raises(RequestError) as rejected:
        predict(plane, body)
    assert sentence in rejected.value.message


def test_plane_unknown_output_is_rejected(plane: DataPlane, row: Row) -> None:
    body = {**json.loads(request_body(FLIGHTS, [row])), "outputs": [{"name": "early"}]}
    with pytest.raises(RequestError, match="Unknown output 'early'; this model gives: late"):
        predict(plane, body)


def test_plane_matrix_with_text_columns_is_rejected(plane: DataPlane) -> None:
    with pytest.raises(RequestError, match="takes more than numbers"):
        predict(plane, {"inputs": [{"name": "all", "datatype": "FP64", "shape": [1, 7], "data": [1] * 7}]})


def test_plane_model_rejects_rows_gives_422(sklearn_package: Path, row: Row, caplog: Any) -> None:
    plane = plane_of(sklearn_package)

    class Picky:
        inline_rows, predict_numbers = 0, None

        def predict(self, _: Any) -> Any:
            raise ValueError("Input X contains\n NaN.")

    picky = DataPlane(plane.package, Picky(), "1")
    with pytest.raises(RequestError, match="The model cannot take these rows: Input X contains NaN") as rejected:
        predict(picky, {"instances": [row]})
    assert rejected.value.status == 422
    assert "the model refused" in caplog.text


def test_open_plane_golden_rows_differ_raises(lightgbm_package: Path, tmp_path: Path) -> None:
    folder = copy(lightgbm_package, tmp_path)
    golden = Golden.read(folder)
    Golden(golden.rows, [[p[0] + 1e-5] for p in golden.predictions]).write(folder)
    with pytest.raises(StartError, match=r"golden rows' predictions differ by 1e-05, allowed is 1.4e-06"):
        plane_of(folder)


def test_plane_golden_rows_match_training(lightgbm_package: Path, plane: DataPlane) -> None:
    golden = Golden.read(lightgbm_package)
    again = predictions(plane.answer(plane.read_v2(request_body(FLIGHTS, golden.rows), "json")).body)
    assert holds(golden.predictions, again)


@pytest.mark.parametrize(
    ("file", "text", "sentence"),
    [
        ("model.txt", "nonsense", "is not a LightGBM model"),
        ("model.txt", None, "has no file 'model.txt'"),
        (GOLDEN, None, "the golden rows cannot be read"),
        (GOLDEN, '{"rows": [1], "predictions": [[0]]}', "the golden rows cannot be read"),
        (GOLDEN, '{"rows": [{"hour": "x"}], "predictions": [[0]]}', "the golden rows are not taken: Column 'distance'"),
    ],
)
def test_open_plane_damaged_package_names_damage(
    lightgbm_package: Path, tmp_path: Path, file: str, text: str | None, sentence: str
) -> None:
    folder = copy(lightgbm_package, tmp_path)
    (folder / file).unlink() if text is None else (folder / file).write_text(text)
    with pytest.raises(StartError) as rejected:
        plane_of(folder)
    assert sentence in rejected.value.message


def test_open_plane_cut_off_trees_are_an_error(lightgbm_package: Path, tmp_path: Path) -> None:
    """LightGBM itself would end the process."""
    folder = copy(lightgbm_package, tmp_path)
    text = (folder / "model.txt").read_bytes()
    (folder / "model.txt").write_bytes(text[: len(text) // 2])
    with pytest.raises(StartError, match="is cut off"):
        plane_of(folder)


def test_open_plane_wrong_feature_count_raises(lightgbm_package: Path, tmp_path: Path) -> None:
    folder = copy(lightgbm_package, tmp_path)
    data = json.loads((folder / DESCRIPTOR).read_text())
    data["signature"]["inputs"].pop()
    (folder / DESCRIPTOR).write_text(json.dumps(data))
    with pytest.raises(StartError, match="takes 7 features and the signature has 6 columns"):
        plane_of(folder)


def test_open_plane_invalid_pickle_raises(sklearn_package: Path, tmp_path: Path) -> None:
    folder = copy(sklearn_package, tmp_path)
    (folder / Package.read(folder).file).write_bytes(b"\x80\x05junk")
    with pytest.raises(StartError, match="cannot be unpickled"):
        plane_of(folder)


def copy(package: Path, to: Path) -> Path:
    for path in package.iterdir():
        (to / path.name).write_bytes(path.read_bytes())
    return to
