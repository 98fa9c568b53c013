"""The body of a V2 response on the fast path: what is the same in every response is encoded once."""

from collections.abc import Mapping
from typing import Any

import msgspec

from intermodal.platform.protocol.signature import Output, Signature
from intermodal.serving.protocol import outputs


class ResponseWriter:
    """Writes what ``outputs.answer`` gives, without making a dict for it."""

    def __init__(self, signature: Signature, model: str, version: str) -> None:
        self._signature, self._encode = signature, msgspec.json.Encoder().encode
        empty = outputs.answer(model, version, None, signature, [0.0] * signature.width)
        self._start = self._encode({**empty, "outputs": []}).removesuffix(b"]}")
        self._first, *others = map(self._template, empty["outputs"])
        self._others = tuple(zip(others, signature.outputs[1:], strict=True))
        self._single = len(signature.outputs) == 1 or signature.outputs[1].is_label
        labels = signature.output.labels if signature.outputs[-1].is_label else ()
        self._labels = {label: self._encode([label]) for label in labels}

    def _template(self, tensor: Mapping[str, Any]) -> tuple[bytes, bytes]:
        """An output before and after the count of its rows."""
        before, _, after = self._encode({**tensor, "data": []}).partition(b'"shape":[1')
        return before + b'"shape":[', after.removesuffix(b"[]}")

    def write(self, request_id: str | None, rows: int, values: list[float]) -> bytes:
        before, after = self._first
        first = values if self._single else outputs.data_of(self._signature.output, self._signature, values)
        text = b"%b%b%d%b%b" % (self._start, before, rows, after, self._encode(first))
        for (before, after), output in self._others:
            text = b"%b},%b%d%b%b" % (text, before, rows, after, self._data(output, rows, values))
        return text + (b"}]}" if request_id is None else b'}],"id":%b}' % self._encode(request_id))

    def _data(self, output: Output, rows: int, values: list[float]) -> bytes:
        if rows == 1 and output.is_label:
            return self._labels[outputs.label_of(self._signature.output, values)]
        return self._encode(outputs.data_of(output, self._signature, values))
