"""What a training table says about a model's inputs."""

import json

import numpy as np
import pandas as pd
import pytest

from intermodal.platform.errors import SpecError
from intermodal.platform.protocol.signature import TIMESTAMP, Column, Output, Signature
from intermodal.platform.training.dataframes import columns_of, digest, records, signature_of, typed
from intermodal.platform.training.profile import profile_of

TABLE = pd.DataFrame(
    {
        "carrier": pd.Categorical(["UA", "AA", None]),
        "hour": [1, 2, 3],
        "temp": [1.5, np.nan, 2.5],
        "gust": pd.array([1, None, 3], dtype="Int64"),
        "night": [True, False, True],
    }
)


def test_columns_have_datatypes_missing_values_and_categories() -> None:
    assert columns_of(TABLE) == (
        Column("carrier", "BYTES", True, ("AA", "UA"), "category"),
        Column("hour", "INT64", dtype="int64"),
        Column("temp", "FP64", True, dtype="float64"),
        Column("gust", "INT64", True, dtype="Int64"),
        Column("night", "BOOL", dtype="bool"),
    )


def test_signature_comes_back_from_its_dict() -> None:
    signature = signature_of(TABLE, "multiclass", ["a", "b", "c"])
    assert Signature.from_dict(json.loads(json.dumps(signature.to_dict()))) == signature
    assert signature.metadata("m", "1.0.0")["outputs"] == [
        {
            "name": "probabilities",
            "datatype": "FP64",
            "shape": [-1, 3],
            "parameters": {"class_0": "a", "class_1": "b", "class_2": "c"},
        },
        {"name": "label", "datatype": "BYTES", "shape": [-1]},
    ]


def test_signature_of_release_0_1_is_read() -> None:
    old = {"inputs": [{"name": "x", "datatype": "FP64", "nullable": False, "categories": []}]}
    output = {"name": "probabilities", "datatype": "FP64", "width": 3, "labels": ["a", "b", "c"]}
    found = Signature.from_dict({**old, "output": output})
    assert found.outputs == (Output("probabilities", shape=(3,), labels=("a", "b", "c")),)
    assert Signature.from_dict({**old, "output": {**output, "width": 1}}).output.shape == ()


def test_typed_rows_with_an_unseen_category_have_it_missing() -> None:
    rows = typed(TABLE.assign(carrier=["ZZ", "AA", "UA"])[::-1], columns_of(TABLE))
    assert rows["carrier"].cat.categories.tolist() == ["AA", "UA"]
    assert rows["carrier"].isna().tolist() == [False, False, True]
    assert rows["gust"].dtype == "Int64"


def test_typed_without_a_column_names_it() -> None:
    with pytest.raises(SpecError, match="temp"):
        typed(TABLE.drop(columns="temp"), columns_of(TABLE))


def test_columns_of_an_unsupported_type_are_refused() -> None:
    with pytest.raises(SpecError, match="when"):
        columns_of(pd.DataFrame({"when": pd.to_timedelta(["1 day"])}))


def test_points_in_time_reach_the_model_in_utc_and_microseconds() -> None:
    naive = pd.DataFrame({"when": pd.to_datetime(["2013-01-01T00:00:00.123456789", None])})
    zoned = pd.DataFrame({"when": naive["when"].dt.tz_localize("UTC").dt.tz_convert("America/New_York")})
    for table in (naive, zoned):
        (rows,) = [typed(table, columns_of(table))]
        assert str(rows["when"].dtype) == TIMESTAMP
        assert records(rows) == [{"when": "2013-01-01T00:00:00.123456+00:00"}, {"when": None}]


def test_records_are_plain_json() -> None:
    assert json.loads(json.dumps(records(TABLE)))[1] == {
        "carrier": "AA",
        "hour": 2,
        "temp": None,
        "gust": None,
        "night": False,
    }


def test_digest_changes_with_values_order_and_types_only() -> None:
    assert digest(TABLE) == digest(TABLE.copy())
    assert (
        len({digest(t) for t in (TABLE, TABLE[::-1], TABLE.assign(hour=[1, 2, 4]), TABLE.astype({"hour": "int32"}))})
        == 4
    )


def test_profile_counts_every_row_once() -> None:
    columns = columns_of(TABLE)
    profile = profile_of(typed(TABLE, columns), columns, np.array([0.1, 0.5, 0.9]))
    assert [column["name"] for column in profile["columns"]] == [*TABLE.columns, "prediction_0"]
    for column in profile["columns"]:
        assert sum(column["counts"]) + column["missing"] == profile["rows"] == 3
        assert len(column["counts"]) == (
            len(column["categories"]) if column["name"] == "carrier" else len(column["edges"]) + 1
        )
    json.dumps(profile)
