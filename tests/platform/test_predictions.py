"""The prediction log as tables: nothing lost, nothing twice."""

import gzip
import json
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intermodal.platform import predictions
from intermodal.platform.errors import SpecError
from intermodal.platform.prediction_log import Header, Logged, hour_of, object_key

HEADER = Header("wine", "1.0.0", "aws", "aws/sagemaker", 1.0)


def packed(*logged: Logged) -> bytes:
    return gzip.compress("\n".join(json.dumps(asdict(one)) for one in (HEADER, *logged)).encode())


def test_rows_come_back_as_they_were_logged() -> None:
    one = Logged("a", 1000.5, 2, {"x": [1.0, None], "c": ["red", None]}, [[0.1, 0.9], [0.4, 0.6]])
    header, logged = predictions.read(packed(one), "key")
    table = predictions.table(header, logged)
    assert table[predictions.ID].tolist() == ["a", "a"]
    assert table[predictions.ROW].tolist() == [0, 1]
    assert table["prediction_1"].tolist() == [0.9, 0.6]
    assert table["c"].tolist() == ["red", None]
    assert set(table[predictions.CLOUD]) == {"aws"}


@pytest.mark.parametrize("data", [b"", b"text", gzip.compress(b""), gzip.compress(b"{}"), packed()[:-9]])
def test_a_damaged_object_is_named(data: bytes) -> None:
    with pytest.raises(SpecError, match="predictions/wine/x"):
        predictions.read(data, "predictions/wine/x")


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.floats(0, 10_000)), min_size=1))
def test_each_request_once_and_its_first_answer(answers: list[tuple[str, float]]) -> None:
    tables = [predictions.table(HEADER, [Logged(name, at, 1, {"x": [at]}, [[0.5]])]) for name, at in answers]
    whole = predictions.once(predictions.pd.concat(tables, ignore_index=True))
    assert sorted(whole[predictions.ID]) == sorted({name for name, _ in answers})
    for name, at in zip(whole[predictions.ID], whole[predictions.AT], strict=True):
        assert at == min(t for n, t in answers if n == name)
    part = predictions.parts(whole)
    assert sum(map(len, part.values())) == len(whole)
    assert all(part_of == predictions.part_of(t) for part_of, rows in part.items() for t in rows[predictions.AT])


def test_parts_and_hours_are_in_utc() -> None:
    assert predictions.part_of(0) == "1970-01-01T00-00"
    assert predictions.part_of(23 * 3600 + 599.9) == "1970-01-01T23-05"
    assert hour_of(23 * 3600) == "1970-01-01T23"
    assert predictions.hours("1970-01-01T23", "1970-01-02T01") == ["1970-01-01T23", "1970-01-02T00", "1970-01-02T01"]
    assert object_key("wine", 0.0, "aws-x", 3) == "predictions/wine/1970-01-01T00/aws-x-000003.jsonl.gz"
