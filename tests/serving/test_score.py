"""The verb ``score`` as a process: the predictions are those of the server's data plane."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from intermodal.platform.protocol.package import Package
from intermodal.serving.dataplane import open_plane
from intermodal.serving.score import _bodies
from tests.serving.conftest import as_rows, flights

ROWS = as_rows(flights(1203))


def run(package: Path, *arguments: str | Path, stdin: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    environment = {**os.environ, "MODEL_URI": str(package), "INTERMODAL_UNSIGNED": "1"}
    command = [sys.executable, "-m", "intermodal.serving", *map(str, arguments)]
    return subprocess.run(command, env=environment, input=stdin, capture_output=True, check=False, timeout=120)


def lines(rows: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


@pytest.fixture(scope="module")
def expected(lightgbm_package: Path) -> list[Any]:
    plane = open_plane(Package.read(lightgbm_package), lightgbm_package, "1.0.0")
    body = json.dumps({"dataframe_records": ROWS}).encode()
    found: list[Any] = json.loads(plane.answer(plane.read_any(body, "json")).body)["predictions"]
    return found


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_score_file_gives_the_servers_predictions(
    lightgbm_package: Path, expected: list[Any], tmp_path: Path, form: str
) -> None:
    source, output = tmp_path / f"rows.{form}", tmp_path / "predictions.jsonl"
    frame = pd.DataFrame(ROWS).astype({"seats": "Int64"})
    if form == "csv":
        frame.to_csv(source, index=False)
    elif form == "parquet":
        frame.to_parquet(source)
    else:
        source.write_bytes(lines(ROWS))
    done = run(lightgbm_package, "score", source, "--output", output)
    assert done.returncode == 0, done.stderr
    assert [json.loads(line) for line in output.read_bytes().splitlines()] == expected
    assert b"1203 rows scored" in done.stderr
    assert done.stdout == b""


def test_score_stdin_writes_to_stdout(lightgbm_package: Path, expected: list[Any]) -> None:
    done = run(lightgbm_package, "score", stdin=lines(ROWS[:3]))
    assert [json.loads(line) for line in done.stdout.splitlines()] == expected[:3]


def test_score_wrong_row_leaves_no_output(lightgbm_package: Path, tmp_path: Path) -> None:
    output = tmp_path / "predictions.jsonl"
    wrong = [*ROWS[:1100], {**ROWS[0], "distance": "far"}]
    done = run(lightgbm_package, "score", "--output", output, stdin=lines(wrong))
    assert done.returncode == 1
    assert b"from number 1000 are not taken" in done.stderr
    assert b"distance" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_score_points_in_time_of_parquet_are_sent_as_requests_have_them() -> None:
    buffer = io.BytesIO()
    pd.DataFrame({"at": pd.to_datetime(["2026-03-29T01:30:00Z"])}).to_parquet(buffer)
    ((body, media),) = _bodies(buffer, "parquet")
    assert (json.loads(body), media) == ({"dataframe_records": [{"at": "2026-03-29T01:30:00+00:00"}]}, "json")


@pytest.mark.parametrize(("form", "content"), [("parquet", b"PAR1"), ("csv", b"a,b\n\xff,1\n")])
def test_score_file_that_is_damaged_is_refused(
    lightgbm_package: Path, tmp_path: Path, form: str, content: bytes
) -> None:
    (tmp_path / "rows").write_bytes(content)
    done = run(lightgbm_package, "score", tmp_path / "rows", "--format", form)
    assert done.returncode == 1
    assert b"The input is not" in done.stderr
    assert b"Traceback" not in done.stderr


def test_score_file_of_unknown_form_is_refused(lightgbm_package: Path, tmp_path: Path) -> None:
    (tmp_path / "rows.xlsx").touch()
    done = run(lightgbm_package, "score", tmp_path / "rows.xlsx")
    assert done.returncode == 1
    assert b"--format" in done.stderr


def test_score_file_that_is_missing_is_named(lightgbm_package: Path, tmp_path: Path) -> None:
    done = run(lightgbm_package, "score", tmp_path / "none.csv")
    assert done.returncode == 1
    assert b"none.csv: No such file" in done.stderr


def test_train_is_refused_with_a_reason(lightgbm_package: Path) -> None:
    done = run(lightgbm_package, "train")
    assert done.returncode == 2
    assert b"no training code" in done.stderr
    assert b"<model>/model" in done.stderr
