"""A model's inputs and outputs, in the datatypes of the Open Inference Protocol V2.

Training writes it and the server checks every request against it, so this module uses the standard library only.
Source of the datatypes: https://github.com/kserve/open-inference-protocol (tensor data types).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

Datatype = Literal[
    "BOOL", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64", "FP16", "FP32", "FP64", "BYTES"
]
INTEGERS: Mapping[str, tuple[int, int]] = {
    **{f"INT{bits}": (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16, 32, 64)},
    **{f"UINT{bits}": (0, 2**bits - 1) for bits in (8, 16, 32, 64)},
}
"""The smallest and the largest value of each integer datatype."""
FLOATS: Mapping[str, str] = {"FP16": "e", "FP32": "f", "FP64": "d"}
"""``struct``'s code of each float datatype."""
TIMESTAMP = "datetime64[ns, UTC]"
"""The dtype of points in time. V2 has no datatype for them, so they are BYTES: text as in RFC 3339."""
YEARS = (1678, 2261)
"""Whole years that pandas' nanoseconds of 64 bits hold."""


@dataclass(frozen=True)
class Column:
    """One named column of a table, with one value per row.

    ``categories`` of a BYTES column are the values seen in training, in the order of their codes. Any other value is
    treated as missing. ``nullable`` says whether training saw missing values. ``dtype`` is the pandas dtype that the
    fit function got, and that the server gives the model; '' stands for the one that release 0.1 gave.
    """

    name: str
    datatype: Datatype
    nullable: bool = False
    categories: tuple[str, ...] = ()
    dtype: str = ""

    @property
    def given_dtype(self) -> str:
        """The pandas dtype of the values that the model is given, such as ``float32``, ``Int64`` or ``category``."""
        if self.dtype:
            return self.dtype
        if self.datatype == "BYTES":
            return "category" if self.categories else "object"
        if self.nullable:
            return "float64"
        return {"BOOL": "bool", "FP32": "float32", "FP16": "float16", "FP64": "float64"}.get(
            self.datatype, self.datatype.lower()
        )

    @property
    def is_timestamp(self) -> bool:
        return self.dtype == TIMESTAMP


@dataclass(frozen=True)
class Output:
    """One named output. ``width`` is 1 for one number per row, k for a matrix with k columns."""

    name: str
    datatype: Datatype = "FP64"
    width: int = 1
    labels: tuple[str, ...] = ()

    @property
    def parameters(self) -> dict[str, str]:
        """The classes, as V2 parameters of the output; empty without classes. ``class_<k>`` is the class whose
        probability is column k. ``other_class`` is the class that has the remaining probability when there is one
        column for two classes. V2's parameters are texts, numbers and booleans, so a list is no value of theirs.
        """
        named = {f"class_{k}": label for k, label in enumerate(self.labels[-self.width :])}
        return named | ({"other_class": self.labels[0]} if len(self.labels) > self.width else {})


@dataclass(frozen=True)
class Signature:
    """A model's inputs and output. A change makes a MAJOR version."""

    inputs: tuple[Column, ...]
    output: Output

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Signature":
        return cls(
            inputs=tuple(Column(**{**c, "categories": tuple(c["categories"])}) for c in data["inputs"]),
            output=Output(**{**data["output"], "labels": tuple(data["output"]["labels"])}),
        )

    def interface(self) -> dict[str, Any]:
        """The part that callers depend on: names, datatypes and nullability, but not the categories."""
        return {
            "inputs": [[c.name, c.datatype, c.nullable] for c in self.inputs],
            "output": [self.output.name, self.output.datatype, self.output.width, list(self.output.labels)],
        }

    def metadata(self, model: str, version: str) -> dict[str, Any]:
        """The V2 metadata response (``GET /v2/models/<model>``). -1 means any number of rows.

        ``optional`` of an input says whether a request may leave it out or send null; ``format`` is ``date-time`` for
        text that must be a point in time (RFC 3339). An output's parameters are those
        of ``Output.parameters``.
        """
        shape = [-1] if self.output.width == 1 else [-1, self.output.width]
        output: dict[str, Any] = {"name": self.output.name, "datatype": self.output.datatype, "shape": shape}
        if parameters := self.output.parameters:
            output["parameters"] = parameters
        return {
            "name": model,
            "versions": [version],
            "platform": "intermodal",
            "inputs": [
                {"name": c.name, "datatype": c.datatype, "shape": [-1], "parameters": _parameters(c)}
                for c in self.inputs
            ],
            "outputs": [output],
        }


def _parameters(column: Column) -> dict[str, Any]:
    return {"optional": column.nullable} | ({"format": "date-time"} if column.is_timestamp else {})
