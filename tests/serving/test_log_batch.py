"""An object, by the standard library → what ``numpy.load`` finds in it."""

import io
from struct import pack

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from intermodal.platform.package import Package
from intermodal.platform.signature import Column, Output, Signature
from intermodal.serving.log_batch import Batch
from intermodal.serving.log_parts import MAX_ID, Entry, Layout
from intermodal.serving.metrics import Counts
from intermodal.serving.settings import Identity, Settings

COLUMNS = ("a", "hidden", "b")
SIGNATURE = Signature(tuple(Column(name, "FP64") for name in COLUMNS), Output("y", width=2, labels=("l", "r")))
PACKAGE = Package("m", "multiclass", "lightgbm", "model.txt", SIGNATURE, ("hidden",))
FLOATS = st.floats(allow_nan=True, width=64)
IDS = st.one_of(st.text(max_size=6), st.just("x" * MAX_ID), st.just("é" * MAX_ID), st.uuids().map(str))


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    rows = draw(st.integers(0, 3))
    numbers = draw(st.lists(FLOATS, min_size=3 * rows, max_size=3 * rows))
    values = draw(st.lists(FLOATS, min_size=2 * rows, max_size=2 * rows))
    id_, label = draw(IDS), draw(st.one_of(st.none(), IDS))
    return draw(FLOATS), id_, label, rows, pack(f"{3 * rows}d", *numbers), values, b""


PARTS = st.lists(st.lists(entries(), min_size=1, max_size=5), min_size=1, max_size=4)
ONE: Entry = (1.0, "x", None, 1, pack("3d", 1, 2, 3), [0.5, 0.25], b"")


@example([[ONE, ONE]])
@example([[ONE], [(2.0, "", "longer", 2, pack("6d", *range(6)), [0.0] * 4, b"")]])
@given(PARTS)
def test_an_object_is_its_requests(parts: list[list[Entry]]) -> None:
    layout = Layout(PACKAGE, Settings(identity=Identity("1", "aws", "aws/x"), predictions="file:///x"), Counts("m"))
    batch = Batch("key", 1, layout)
    for part in parts:
        batch.write(layout.part(part))
    at, ids, labels, rows, numbers, values, _ = zip(*(entry for part in parts for entry in part), strict=True)
    tables = [np.frombuffer(one).reshape(3, -1) for one in numbers]
    with np.load(io.BytesIO(batch.end()), allow_pickle=False) as found:
        np.testing.assert_array_equal(found["at"], at)
        np.testing.assert_array_equal(found["rows"], rows)
        np.testing.assert_array_equal(found["inputs"], np.concatenate(tables, axis=1)[[0, 2]])
        np.testing.assert_array_equal(
            found["predictions"], np.array([v for some in values for v in some]).reshape(-1, 2)
        )
        assert found["ids"].tolist() == list(map(_kept, ids))
        assert found["label_ids"].tolist() == [_kept(label or "") for label in labels]
        assert found["inputs"].dtype == found["at"].dtype == np.float64
    assert batch.requests == len(at)


def _kept(id_: str) -> bytes:
    data = id_.encode(errors="backslashreplace")
    return b"" if len(data) > MAX_ID or b"\0" in data else data
