"""A model's inputs and outputs, in the datatypes of the Open Inference Protocol V2.

Training writes it and the server checks every request against it, so this module uses the standard library only.
Source of the datatypes: https://github.com/kserve/open-inference-protocol (tensor data types).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import prod
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
    """One named input, with a value or a tensor for each row.

    ``categories`` of a BYTES column are the values seen in training, in the order of their codes. Any other value is
    treated as missing. ``nullable`` says whether training saw missing values. ``dtype`` is the pandas dtype that the
    fit function got, and that the server gives the model; '' stands for the one that release 0.1 gave. ``shape`` is
    that of one row's tensor, such as (3, 224, 224); () is a single value.
    """

    name: str
    datatype: Datatype
    nullable: bool = False
    categories: tuple[str, ...] = ()
    dtype: str = ""
    shape: tuple[int, ...] = ()

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

    @property
    def is_tensor(self) -> bool:
        """Whether a row has a tensor rather than a single value. No tensor is logged or profiled."""
        return bool(self.shape)

    @property
    def parameters(self) -> dict[str, Any]:
        """V2 parameters of the input: whether a request may leave it out or send null, and the format of a text that
        must be a point in time (RFC 3339)."""
        return {"optional": self.nullable} | ({"format": "date-time"} if self.is_timestamp else {})


@dataclass(frozen=True)
class Output:
    """One named output. ``shape`` is that of one row's: () is a number, (k,) a list of k numbers.

    ``labels`` are a classifier's classes, as texts. An output of the datatype BYTES is a label: the most probable class
    of the first output, or of its two classes the second if its probability is above one half.
    """

    name: str
    datatype: Datatype = "FP64"
    shape: tuple[int, ...] = ()
    labels: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """How many numbers a row has in a model's outputs. A label has none: it follows from the first output."""
        return 0 if self.is_label else prod(self.shape)

    @property
    def is_label(self) -> bool:
        return self.datatype == "BYTES"

    @property
    def parameters(self) -> dict[str, str]:
        """The classes, as V2 parameters of the output; empty without classes. ``class_<k>`` is the class whose
        probability is column k. ``other_class`` is the class that has the remaining probability when there is one
        column for two classes. V2's parameters are texts, numbers and booleans, so a list is no value of theirs.
        """
        if self.is_label:
            return {}
        named = {f"class_{k}": label for k, label in enumerate(self.labels[-self.width :])}
        return named | ({"other_class": self.labels[0]} if len(self.labels) > self.width else {})


@dataclass(frozen=True)
class Signature:
    """A model's inputs and outputs. A change makes a MAJOR version."""

    inputs: tuple[Column, ...]
    outputs: tuple[Output, ...]

    @property
    def output(self) -> Output:
        """The first output, which the gate's metric and the label are computed from."""
        return self.outputs[0]

    @property
    def width(self) -> int:
        """How many numbers a model predicts for a row, in all outputs together."""
        return sum(output.width for output in self.outputs)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Signature":
        """Also that of a package of release 0.1, which has one output with a width."""
        outputs = data["outputs"] if "outputs" in data else [_with_shape(data["output"])]
        return cls(
            inputs=tuple(
                Column(**{**c, "categories": tuple(c["categories"]), "shape": tuple(c.get("shape", ()))})
                for c in data["inputs"]
            ),
            outputs=tuple(Output(**{**o, "labels": tuple(o["labels"]), "shape": tuple(o["shape"])}) for o in outputs),
        )

    def interface(self) -> dict[str, Any]:
        """The part that callers depend on: names, datatypes, shapes and nullability, but not the categories."""
        return {
            "inputs": [[c.name, c.datatype, c.nullable, *c.shape] for c in self.inputs],
            "outputs": [[o.name, o.datatype, list(o.shape), list(o.labels)] for o in self.outputs],
        }

    def metadata(self, model: str, version: str) -> dict[str, Any]:
        """The V2 metadata response (``GET /v2/models/<model>``). -1 means any number of rows. Parameters are those of
        ``Column.parameters`` and ``Output.parameters``."""
        return {
            "name": model,
            "versions": [version],
            "platform": "intermodal",
            "inputs": [
                {"name": c.name, "datatype": c.datatype, "shape": [-1, *c.shape], "parameters": c.parameters}
                for c in self.inputs
            ],
            "outputs": [
                {"name": o.name, "datatype": o.datatype, "shape": [-1, *o.shape]}
                | ({"parameters": parameters} if (parameters := o.parameters) else {})
                for o in self.outputs
            ],
        }


def _with_shape(output: Mapping[str, Any]) -> dict[str, Any]:
    width = int(output["width"])
    return {**{name: output[name] for name in ("name", "datatype", "labels")}, "shape": () if width == 1 else (width,)}
