"""``score``: predict the rows of a file, or of stdin, without a server.

Rows go through the data plane as a request's do, so predictions and errors are those of the server. Each line of the
output is one row's prediction as JSON.
"""

import csv
import io
import json
import logging
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Literal, TypeVar

from intermodal.platform.errors import IntermodalError
from intermodal.serving.dataplane import DataPlane
from intermodal.serving.errors import RequestError, StartError, print_status
from intermodal.serving.fetch import fetched
from intermodal.serving.loading import load_models, read_packages
from intermodal.serving.locate import find_models
from intermodal.serving.service import Service
from intermodal.serving.settings import Settings

T = TypeVar("T")
Form = Literal["csv", "jsonl", "parquet"]
FORMS: Mapping[str, Form] = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
STDIN, ROWS_AT_ONCE = Path("-"), 1000
MAX_REASON_LENGTH = 200


def score(environment: Mapping[str, str], root: Path, source: Path, output: Path | None, form: Form | None) -> int:
    """Predict the rows of ``source`` and write them to ``output``, which appears when it is whole, or to stdout.
    Returns the exit code: 1, and why on stderr, when the model cannot be loaded or a row is not taken."""
    logging.basicConfig(stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    try:
        plane = _loaded(environment, root)
        with _opened(source) as rows, _target(output) as target:
            count = _score(plane, _bodies(rows, form or _form(source)), target)
    except IntermodalError as error:
        print_status(str(error))
        return 1
    except OSError as error:
        print_status(f"{error.filename or source}: {error.strerror}")
        return 1
    print_status(f"{count} rows scored")
    return 0


def _loaded(environment: Mapping[str, str], root: Path) -> DataPlane:
    settings = Settings.of(environment, None)
    service = Service(read_packages(find_models(fetched(environment, root), root)), settings)
    if len(service.models) > 1:
        raise StartError("There are several models.", hint="Point MODEL_URI at the folder of one of them.")
    load_models(service)
    plane = service.models[0].plane
    assert plane is not None
    return plane


def _score(plane: DataPlane, bodies: Iterable[tuple[bytes, Literal["csv", "json"]]], target: BinaryIO) -> int:
    count = 0
    for body, media in bodies:
        try:
            prediction = plane.answer(plane.read_any(body, media))
        except RequestError as error:
            raise StartError(f"The rows from number {count} are not taken (counted from 0): {error}") from error
        for row in json.loads(prediction.body)["predictions"]:
            target.write(json.dumps(row).encode() + b"\n")
        count += prediction.rows
    return count


def _bodies(rows: BinaryIO, form: Form) -> Iterator[tuple[bytes, Literal["csv", "json"]]]:
    """The rows as bodies of requests, ROWS_AT_ONCE in each."""
    if form == "csv":
        lines = csv.reader(io.TextIOWrapper(rows, "utf-8-sig", newline=""))
        try:
            header = next(lines, [])
            for part in _parts(filter(None, lines)):
                text = io.StringIO()
                csv.writer(text).writerows([header, *part])
                yield text.getvalue().encode(), "csv"
        except (csv.Error, UnicodeDecodeError) as error:
            raise StartError(f"The input is not CSV in UTF-8: {error}.") from error
    elif form == "jsonl":
        for texts in _parts(line for line in rows if line.strip()):
            yield b'{"dataframe_records":[%s]}' % b",".join(texts), "json"
    else:
        for records in _parquet(rows):
            yield json.dumps({"dataframe_records": records}, default=_json).encode(), "json"


def _parquet(rows: BinaryIO) -> Iterator[list[dict[str, object]]]:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as error:
        raise StartError(
            "Reading Parquet needs pyarrow, which this image does not have.", hint="Give it CSV or JSON lines."
        ) from error
    try:
        for batch in parquet.ParquetFile(rows).iter_batches(ROWS_AT_ONCE):
            yield batch.to_pylist()
    except ArrowException as error:
        raise StartError(f"The input is not Parquet: {str(error)[:MAX_REASON_LENGTH]}.") from error


def _json(value: object) -> str:
    """A point in time as a request has it. StartError for what no request can carry."""
    if isinstance(value, datetime):
        return value.isoformat()
    raise StartError(f"The input has a {type(value).__name__}, which no request carries.", hint="Write it as text.")


def _parts(items: Iterable[T]) -> Iterator[list[T]]:
    iterator = iter(items)
    while part := list(islice(iterator, ROWS_AT_ONCE)):
        yield part


def _form(source: Path) -> Form:
    if source == STDIN:
        return "jsonl"
    try:
        return FORMS[source.suffix.lower()]
    except KeyError:
        raise StartError(
            f"{source} does not say what it holds.", hint=f"Name it {', '.join(FORMS)}, or add --format."
        ) from None


@contextmanager
def _opened(source: Path) -> Iterator[BinaryIO]:
    if source == STDIN:
        yield sys.stdin.buffer
        return
    with source.open("rb") as file:
        yield file


@contextmanager
def _target(output: Path | None) -> Iterator[BinaryIO]:
    if output is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    part = output.with_name(f"{output.name}.part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(output)
    finally:
        part.unlink(missing_ok=True)
