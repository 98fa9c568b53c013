"""The data plane: request bytes in, response bytes out, without HTTP. Every transport calls it."""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from intermodal.platform.protocol.package import Golden, Package
from intermodal.platform.protocol.parity import Deviation, worst
from intermodal.platform.protocol.v2 import predictions, request_body
from intermodal.serving.errors import RequestError, StartError
from intermodal.serving.fast_path.rows import TYPES as FAST_TYPES
from intermodal.serving.fast_path.rows import FastRows
from intermodal.serving.prediction import Prediction
from intermodal.serving.protocol import bodies, frames, outputs, tensors
from intermodal.serving.protocol.input_tensor import Tensor
from intermodal.serving.protocol.joining import block_of, join, predict_in_blocks, split
from intermodal.serving.protocol.table import Checker, Named, Table
from intermodal.serving.runtimes.loader import Runtime, load

Rows = Sequence[Mapping[str, Any]]
Media = Literal["json", "csv"]
FORMS = "'inputs', 'instances', 'dataframe_split' or 'dataframe_records'"
MAX_REASON_LENGTH = 300
logger = logging.getLogger(__name__)


class ParsedRequest(NamedTuple):
    """The checked rows of a request, the function that renders their predictions, and the id in the body."""

    table: Table
    render: Callable[[list[float]], Any]
    id: str | None = None


class Answers(NamedTuple):
    """What ``DataPlane.answer_each`` gives: a prediction or an error for each request, how often it called the model,
    and how many rows were predicted together with those of another request."""

    outcomes: list[Prediction | Exception]
    calls: int
    joined_rows: int


class DataPlane:
    """One loaded model. ``read_*`` parse a body and raise RequestError with a 4xx; ``answer`` predicts. Without
    ``fast_path``, ``plain_rows`` declines every body. ``sensitive`` names columns beside those of the package; those
    that are inputs are in ``hidden``, and no error holds a value of them."""

    def __init__(
        self,
        package: Package,
        runtime: Runtime,
        version: str,
        *,
        fast_path: bool = True,
        sensitive: Collection[str] = (),
    ) -> None:
        self.package = package
        self.version = version
        self.inline_rows = runtime.inline_rows
        self._block = 0
        self._runtime = runtime
        self._signature = package.signature
        self.hidden = frozenset((*package.sensitive, *sensitive)) & {column.name for column in package.signature.inputs}
        self._checker = Checker(package.signature, self.hidden)
        self._encode = msgspec.json.Encoder().encode
        self._texts = [i for i, c in enumerate(package.signature.inputs) if c.datatype == "BYTES" and not c.categories]
        plain = all(c.datatype in FAST_TYPES and not c.is_tensor for c in package.signature.inputs)
        predict = runtime.predict_numbers if fast_path and plain and runtime.inline_rows else None
        named = package.signature, package.model, version
        self._fast_rows = FastRows(*named, predict, runtime.inline_rows) if predict else None

    def plain_rows(self, body: bytes) -> Prediction | None:
        """Predict a V2 body on the fast path. None when it needs the general path: ``read_*``, then ``answer``."""
        return self._fast_rows.predict(body) if self._fast_rows else None

    def read_v2(self, body: bytes, media: Media) -> ParsedRequest:
        """Parse a body of the Open Inference Protocol V2."""
        if media != "json":
            raise RequestError("This route takes application/json.", status=415)
        request = bodies.read_v2(body)
        return self._v2(request.inputs, request.id, request.outputs)

    def read_any(self, body: bytes, media: Media) -> ParsedRequest:
        """Parse a V2 body or any form of frames.py. The response has the matching form."""
        if media == "csv":
            return self._rows(frames.of_csv(body, quotes=not self.hidden))
        request = bodies.read_any(body)
        forms = [request.inputs, request.instances, request.dataframe_split, request.dataframe_records]
        if sum(form is not None for form in forms) != 1:
            raise RequestError(f"Expected exactly one of {FORMS} in the body.")
        if request.inputs is not None:
            if isinstance(request.inputs, dict):
                return self._rows(frames.of_columns(request.inputs))
            return self._v2(request.inputs, request.id, request.outputs)
        if request.dataframe_split is not None:
            return self._rows(frames.of_split(request.dataframe_split))
        rows, field = request.instances, "instances"
        if rows is None:
            rows, field = request.dataframe_records or [], "dataframe_records"
        return self._rows(frames.of_rows(rows, self._checker.names, field))

    def _v2(self, inputs: list[Tensor], id_: str | None, wanted: list[bodies.RequestedOutput] | None) -> ParsedRequest:
        chosen = outputs.requested(wanted, self._signature)
        table = self._checker.check(tensors.columns_of(inputs, self._signature))
        model, version, signature = self.package.model, self.version, self._signature
        return ParsedRequest(table, lambda values: outputs.answer(model, version, id_, signature, values, chosen), id_)

    def _rows(self, named: Named) -> ParsedRequest:
        signature = self._signature
        return ParsedRequest(
            self._checker.check(named), lambda values: {"predictions": outputs.rows_of(signature, values)}
        )

    def answer(self, request: ParsedRequest) -> Prediction:
        """Predict and write the response body. A prediction that is not a number becomes null."""
        return self._write(request, self._predict(request.table) if request.table.rows else [])

    def answer_each(self, requests: Sequence[ParsedRequest]) -> Answers:
        """Answer several requests by one call of the model.

        When that call fails, each request is predicted alone, so that wrong rows fail their own request only, and no
        error holds the values of another caller.
        """
        parts = self._predict_together([request.table for request in requests]) if len(requests) > 1 else None
        if parts is None:
            return Answers([_attempt(self.answer, request) for request in requests], len(requests), 0)
        pairs = zip(requests, parts, strict=True)
        rows = sum(request.table.rows for request in requests)
        return Answers([_attempt(self._write, request, values) for request, values in pairs], 1, rows)

    def _predict_together(self, tables: Sequence[Table]) -> list[list[float]] | None:
        try:
            return split(self._call(join(tables)), tables, self._signature.width)
        except BaseException:  # noqa: BLE001 each request meets its own error again when it is predicted alone
            return None

    @property
    def joins(self) -> bool:
        """Whether requests may share a call of the model, with outputs that are equal in every bit."""
        return self._block > 0

    def check_joins(self, rows: Sequence[ParsedRequest]) -> None:
        """Set ``joins``, by requests of one row each. A runtime that predicts in the event loop has no need of it."""
        if not self.inline_rows:
            tables = [request.table for request in rows]
            self._block = block_of(self._runtime.predict, tables, self._signature.width)

    def _call(self, table: Table) -> list[float]:
        return predict_in_blocks(self._runtime.predict, table, self._block or 1)

    def _write(self, request: ParsedRequest, values: list[float]) -> Prediction:
        table = request.table
        texts = tuple(table.columns[i] for i in self._texts)
        body = self._encode(request.render(values))
        return Prediction(body, request.id, table.rows, table.numbers, values, texts, table.unseen)

    def _predict(self, table: Table) -> list[float]:
        """Raises RequestError (422) when the model does not accept these rows."""
        try:
            return self._call(table)
        except (ValueError, TypeError, ArithmeticError, LookupError) as error:
            # The model predicted its golden rows at start-up, so these rows are the cause. Any other error is a fault
            # of the server: a 500, which the gateway retries on another target. The error's text may hold values, so it
            # is not logged here, and where columns are sensitive the caller does not get it either.
            logger.warning("the model refused a request of %d rows: %s", table.rows, type(error).__name__)
            reason = "" if self.hidden else " ".join(str(error).split())[:MAX_REASON_LENGTH]
            message = f"The model cannot take these rows: {reason}" if reason else "The model cannot take these rows."
            raise RequestError(message, status=422) from error


def _attempt(work: Callable[..., Prediction], *arguments: Any) -> Prediction | Exception:
    try:
        return work(*arguments)
    except Exception as error:  # noqa: BLE001 it is raised again where the request waits
        return error
    except BaseException as error:  # noqa: BLE001 a model that exits fails one request
        return RuntimeError(f"the model raised {type(error).__name__}")


def open_plane(
    package: Package, folder: Path, version: str, *, fast_path: bool = True, sensitive: Collection[str] = ()
) -> DataPlane:
    """Load the model and check its golden rows, together and one by one, which also warms it up. They also say whether
    requests may be joined.

    Raises StartError when the predictions differ from the expected ones.
    """
    plane = DataPlane(package, load(package, folder), version, fast_path=fast_path, sensitive=sensitive)
    try:
        golden = Golden.read(folder)
        single_rows = zip(([row] for row in golden.rows), ([values] for values in golden.predictions), strict=True)
        batches = ((golden.rows, golden.predictions), *single_rows)
        deviations = [_deviation(plane, rows, expected) for rows, expected in batches]
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise StartError(f"{folder}: the golden rows cannot be read: {error}.") from error
    except RequestError as error:
        raise StartError(f"{folder}: the golden rows are not taken: {error}") from error
    if failed := [deviation for deviation in deviations if not deviation.holds]:
        largest = max(failed, key=lambda deviation: deviation.difference)
        raise StartError(f"{folder}: the golden rows' predictions differ by {largest}.")
    plane.check_joins([plane.read_v2(request_body(package.signature, [row]), "json") for row in golden.rows])
    return plane


def _deviation(plane: DataPlane, rows: Rows, expected: Sequence[Sequence[float]]) -> Deviation:
    body = request_body(plane.package.signature, rows)
    prediction = plane.plain_rows(body) or plane.answer(plane.read_v2(body, "json"))
    return worst(expected, predictions(prediction.body))
