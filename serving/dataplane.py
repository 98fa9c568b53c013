"""The data plane: bytes in, bytes out, no HTTP. Every transport ends here."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from intermodal.platform.protocol.package import Golden, Package
from intermodal.platform.protocol.parity import TOLERANCE, largest_difference
from intermodal.platform.protocol.v2 import predictions, request_body
from intermodal.serving.answered import Answered
from intermodal.serving.errors import RequestError, StartError
from intermodal.serving.fast_path.rows import PlainRows
from intermodal.serving.protocol import bodies, frames, tensors
from intermodal.serving.protocol.table import Checker, Named, Table
from intermodal.serving.runtimes.loader import Runtime, load

Rows = Sequence[Mapping[str, Any]]
Media = Literal["json", "csv"]
FORMS = "'inputs', 'instances', 'dataframe_split' or 'dataframe_records'"
logger = logging.getLogger(__name__)


class Call(NamedTuple):
    """A request that was understood: the rows, how to write the answer for their predictions, the id in its body."""

    table: Table
    render: Callable[[list[float]], Any]
    id: str | None = None


class DataPlane:
    """One loaded model. ``read_*`` raise RequestError with a 4xx; ``answer`` takes what they return."""

    def __init__(self, package: Package, runtime: Runtime, version: str) -> None:
        self.package = package
        self.version = version
        self.inline_rows = runtime.inline_rows
        self._runtime = runtime
        self._signature = package.signature
        self._checker = Checker(package.signature)
        self._encode = msgspec.json.Encoder().encode
        self._texts = [i for i, c in enumerate(package.signature.inputs) if c.datatype == "BYTES" and not c.categories]
        predict = runtime.predict_numbers if runtime.inline_rows else None
        named = package.signature, package.model, version
        self._plain_rows = PlainRows(*named, predict, runtime.inline_rows) if predict else None

    def plain_rows(self, body: bytes) -> Answered | None:
        """Answer a JSON body that plainly holds few rows in V2; None for every other, which ``read_*`` decide about."""
        return self._plain_rows.answer(body) if self._plain_rows else None

    def read_v2(self, body: bytes, media: Media) -> Call:
        """A body of the Open Inference Protocol V2."""
        if media != "json":
            raise RequestError("This route takes application/json.", status=415)
        request = bodies.read_v2(body)
        return self._v2(request.inputs, request.id, request.outputs)

    def read_any(self, body: bytes, media: Media) -> Call:
        """A V2 body, or any of the forms of frames.py; the answer has the form that belongs to it."""
        if media == "csv":
            return self._plain(frames.of_csv(body))
        request = bodies.read_any(body)
        given = [request.inputs, request.instances, request.dataframe_split, request.dataframe_records]
        if sum(form is not None for form in given) != 1:
            raise RequestError(f"Expected exactly one of {FORMS} in the body.")
        if request.inputs is not None:
            if isinstance(request.inputs, dict):
                return self._plain(frames.of_columns(request.inputs))
            return self._v2(request.inputs, request.id, request.outputs)
        if request.dataframe_split is not None:
            return self._plain(frames.of_split(request.dataframe_split))
        rows, what = request.instances, "instances"
        if rows is None:
            rows, what = request.dataframe_records or [], "dataframe_records"
        return self._plain(frames.of_rows(rows, self._checker.names, what))

    def _v2(self, inputs: list[bodies.Tensor], id_: str | None, outputs: list[bodies.WantedOutput] | None) -> Call:
        tensors.check_outputs(outputs, self._signature)
        table = self._checker.check(tensors.columns_of(inputs, self._signature))
        return Call(table, lambda v: tensors.answer(self.package.model, self.version, id_, self._signature, v), id_)

    def _plain(self, named: Named) -> Call:
        width = self._signature.output.width

        def render(values: list[float]) -> Any:
            rows = values if width == 1 else [values[i : i + width] for i in range(0, len(values), width)]
            return {"predictions": rows}

        return Call(self._checker.check(named), render)

    def answer(self, call: Call) -> Answered:
        """Predict and write the answer, in which a prediction that is no number is null."""
        table = call.table
        values = self._predict(table) if table.rows else []
        texts = tuple(table.columns[i] for i in self._texts)
        body = self._encode(call.render(values))
        return Answered(body, call.id, table.rows, table.numbers, values, texts, table.unseen)

    def _predict(self, table: Table) -> list[float]:
        """RequestError when the model does not take these rows."""
        try:
            return self._runtime.predict(table)
        except (ValueError, TypeError, ArithmeticError, LookupError) as error:
            # The model answered its golden rows at start-up, so it is these rows that it does not take. Anything else
            # is a fault of the server, a 500, after which the gateway asks another cloud. The error's text may hold
            # values of sensitive columns, so it goes to the caller, who sent them, and not to the log.
            logger.warning("the model refused a request of %d rows: %s", table.rows, type(error).__name__)
            reason = " ".join(str(error).split())[:300]
            raise RequestError(f"The model cannot take these rows: {reason}", status=422) from error


def open_plane(package: Package, folder: Path, version: str) -> DataPlane:
    """Load the model and let it repeat its golden rows, together and one by one, which also warms it up; StartError
    when it does not."""
    plane = DataPlane(package, load(package, folder), version)
    try:
        golden = Golden.read(folder)
        singly = zip(([row] for row in golden.rows), ([values] for values in golden.predictions), strict=True)
        difference = max(_difference(plane, *some) for some in ((golden.rows, golden.predictions), *singly))
    except (OSError, ValueError, TypeError) as error:
        raise StartError(f"{folder}: the golden rows cannot be read: {error}.") from error
    except RequestError as error:
        raise StartError(f"{folder}: the golden rows are not taken: {error}") from error
    if not difference <= TOLERANCE / 2:
        raise StartError(
            f"{folder}: the golden rows' predictions differ by {difference:.2g}, allowed is {TOLERANCE / 2:.2g}."
        )
    return plane


def _difference(plane: DataPlane, rows: Rows, expected: Sequence[Sequence[float]]) -> float:
    body = request_body(plane.package.signature, rows)
    answered = plane.plain_rows(body) or plane.answer(plane.read_v2(body, "json"))
    return largest_difference(expected, predictions(answered.body))
