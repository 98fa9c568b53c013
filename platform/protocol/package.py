"""The layout of a version's artifacts on disk. Mirrors and servers use the same layout.

intermodal.json   this descriptor: which model, which signature, which file in which format
golden.json       rows with their expected predictions, which every endpoint must reproduce
profile.json      the reference profile of the training data, for drift
mlflow/           the same model in MLflow's layout, for tools that read it
<model file>      what the server loads
code/             modules of the model's folder, by dotted name, for a model file that refers to them
requirements.lock packages that the model needs beside the server's own, with hashes, if it names any
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from intermodal.platform.errors import SpecError
from intermodal.platform.protocol.signature import Signature

DESCRIPTOR = "intermodal.json"
GOLDEN = "golden.json"
PROFILE = "profile.json"
CODE = "code"

Task = Literal["binary", "multiclass", "regression"]
Format = str
"""The name of an entry point of ``intermodal.runtimes``. ``lightgbm``, ``xgboost`` and ``catboost`` are the formats
of these libraries, which are data. ``sklearn`` is a cloudpickled estimator, which is code."""


@dataclass(frozen=True)
class Package:
    """The descriptor of one version's artifacts. ``file`` is relative to the folder of the descriptor.

    It has no version number: the registry assigns one, and a server receives it through its environment.
    """

    model: str
    task: Task
    format: Format
    file: str
    signature: Signature
    sensitive: tuple[str, ...] = ()
    """Inputs whose values are never logged."""
    python: str = ""
    """Python's ``major.minor`` that the model file needs; empty when any will do."""
    modules: str = ""
    """The dotted name of the model's folder, whose modules are below ``code``; empty when the file needs none."""

    def write(self, folder: Path) -> None:
        text = json.dumps({**vars(self), "signature": self.signature.to_dict()}, indent=1)
        (folder / DESCRIPTOR).write_text(text, encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> "Package":
        """Read the descriptor. Raises SpecError when it is missing or damaged."""
        path = folder / DESCRIPTOR
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            return cls(
                **{
                    **data,
                    "signature": Signature.from_dict(data["signature"]),
                    "sensitive": tuple(data.get("sensitive", ())),
                }
            )
        except FileNotFoundError as error:
            raise SpecError(f"No model in {folder}: {DESCRIPTOR} is missing.") from error
        except (ValueError, TypeError, KeyError) as error:
            raise SpecError(f"{path} is damaged: {error}.", hint="Mirror the version again.") from error


@dataclass(frozen=True)
class Golden:
    """Rows (one dict per row, null for missing) and their expected predictions (one list of ``width`` per row)."""

    rows: Sequence[Mapping[str, Any]]
    predictions: Sequence[Sequence[float]]

    def write(self, folder: Path) -> None:
        text = json.dumps({"rows": list(self.rows), "predictions": list(self.predictions)})
        (folder / GOLDEN).write_text(text, encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> "Golden":
        return cls.from_json((folder / GOLDEN).read_bytes())

    @classmethod
    def from_json(cls, text: bytes) -> "Golden":
        return cls(**json.loads(text))
