"""A model's inputs and outputs, in the datatypes of the Open Inference Protocol V2.

Training writes it and the server checks every request against it, so this module uses the standard library only.
Source of the datatypes: https://github.com/kserve/open-inference-protocol (tensor data types).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

Datatype = Literal["BOOL", "INT64", "FP64", "BYTES"]


@dataclass(frozen=True)
class Column:
    """One named column of a table, with one value per row.

    ``categories`` of a BYTES column are the values seen in training, in the order of their codes. Any other value is
    treated as missing. ``nullable`` says whether training saw missing values.
    """

    name: str
    datatype: Datatype
    nullable: bool = False
    categories: tuple[str, ...] = ()


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

        ``optional`` of an input says whether a request may leave it out or send null. An output's parameters are those
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
                {"name": c.name, "datatype": c.datatype, "shape": [-1], "parameters": {"optional": c.nullable}}
                for c in self.inputs
            ],
            "outputs": [output],
        }
